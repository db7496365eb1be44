"""What is compared: filters, a reward model or none, and what is done with what the filters leave.

A recipe is what one timed run does; the rows of the table that come of it differ by ranker alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from staged_reward.filters import TestsFilter, parse_filters

Mode = Literal["filter", "full", "count", "strategy", "processes"]
FILTERS = ("none", "syntax", "lint", "tests<=1", "tests<=3", "tests<=10")
RANDOM_SUBSETS = ("tests<=3@1", "tests<=3@2", "tests<=3@3")
PROBED_TESTS, PROBED_SEEDS = (1, 2, 3, 5, 10), (1, 2, 3)
STRATEGIES = ("certified", "budget=0.1", "budget=0.5")
_RANKERS_OF: dict[Mode, tuple[str, ...]] = {"full": ("full",), "count": ("tests",), "processes": ("full",)}


@dataclass(frozen=True, slots=True)
class Recipe:
    """One timed run.

    Attributes:
        filter: A word of `filters`, or `none`.
        orm: Name of the reward model; None for none.
        mode: `filter`: filters and ORM alone; `full` runs every test up to the first that fails; `count` runs all of them;
            `strategy` chooses; `processes` runs the suite in one interpreter per program, without a sandbox.
        strategy: For `strategy`: its word.
        order: `adaptive` learns in which order filters and tests run.
        is_probe: Run once, for what it keeps; its time is no result.
    """

    filter: str = "none"
    orm: str | None = None
    mode: Mode = "filter"
    strategy: str = ""
    order: Literal["given", "adaptive"] = "given"
    is_probe: bool = False

    @property
    def filters(self) -> tuple[str, ...]:
        """As `StagedVerifier` takes them."""
        return () if self.filter == "none" else (self.filter,)

    @property
    def rankers(self) -> tuple[str, ...]:
        """The rows that come of it."""
        if self.mode == "strategy":
            return (self.strategy,)
        if self.mode != "filter":
            return _RANKERS_OF[self.mode]
        return ("random", "majority") if self.orm is None else ("orm", "majority_then_orm")

    @property
    def key(self) -> str:
        """Its name in files."""
        parts = [
            self.filter,
            self.mode,
            self.strategy,
            self.orm or "",
            self.order if self.order != "given" else "",
            "probe" if self.is_probe else "",
        ]
        return "/".join(part for part in parts if part)


def grid(
    filters: Sequence[str],
    orms: Sequence[str],
    strategies: Sequence[str],
    *,
    orm_filters: Sequence[str] | None = None,
    processes: bool,
) -> list[Recipe]:
    """Return every combination, the cheap ones first.

    `full` and `tests` as rankers come with the filters that are not tests themselves: after the first N tests, the full
    suite is the full suite. `certified` also comes with the first reward model: it finds the same with any.

    Args:
        filters: Words, or `none`.
        orms: Names of reward models.
        strategies: Words of strategies.
        orm_filters: Those of `filters` that reward models come with; None for all.
        processes: Add the suite with one process per program.
    """
    recipes = [Recipe(word) for word in filters]
    recipes += [Recipe(word, mode="full") for word in filters if not _is_tests(word)]
    recipes += [Recipe(word, mode="count") for word in filters if not _is_tests(word)]
    recipes.append(Recipe(mode="full", order="adaptive"))
    recipes += [Recipe(mode="strategy", strategy=word) for word in strategies]
    recipes.append(Recipe(mode="strategy", strategy="certified", order="adaptive"))
    if processes:
        recipes.append(Recipe(mode="processes"))
    for orm in orms:
        recipes += [Recipe(word, orm) for word in filters if orm_filters is None or word in orm_filters]
        if orm == orms[0] and "certified" in strategies:
            recipes.append(Recipe("tests<=1", orm, mode="strategy", strategy="certified"))
    return recipes


def probes() -> list[Recipe]:
    """Return the runs that show how many wrong programs pass N tests: the first N, and several subsets of N."""
    words = [f"tests<={num}{subset}" for num in PROBED_TESTS for subset in ("", *(f"@{s}" for s in PROBED_SEEDS))]
    return [Recipe(word, is_probe=True) for word in words]


def _is_tests(word: str) -> bool:
    return word != "none" and any(isinstance(item, TestsFilter) for item in parse_filters([word]))
