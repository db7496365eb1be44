"""The words in which strategies are given: `certified`, `budget=2.5`."""

from __future__ import annotations

from dataclasses import dataclass

from staged_reward.errors import InputError, nearest


@dataclass(frozen=True, slots=True)
class Certified:
    """Run all tests down the ranking, and stop at the first program that passes them."""

    name = "certified"


@dataclass(frozen=True, slots=True)
class Budgeted:
    """Spend at most so many CPU seconds on a problem's tests, where they raise the chance of a right choice most.

    Attributes:
        cpu_seconds: Of the programs and of their judge; what a reward model takes comes on top.
    """

    cpu_seconds: float
    name = "budget"

    def __post_init__(self) -> None:
        if not 0 < self.cpu_seconds < float("inf"):
            raise InputError(f"budget={self.cpu_seconds}; give a positive, finite number of CPU seconds per problem")


Strategy = Certified | Budgeted


def parse_strategy(word: str) -> Strategy:
    """Read a strategy.

    Raises:
        InputError: It is unknown, or its number cannot be used.
    """
    name, equals, value = word.strip().partition("=")
    if name == Certified.name and not equals:
        return Certified()
    if name == Budgeted.name:
        try:
            return Budgeted(float(value))
        except ValueError as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"strategy {word!r}: give CPU seconds per problem, as in 'budget=2.5'") from error
    raise InputError(f"unknown strategy {word!r}{nearest(name, (Certified.name, 'budget=SECONDS'))}")
