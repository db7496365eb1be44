"""CPU budgets from siblings: how long may a program take, given how long the problem's other programs took?

A few programs that never end take most of all execution time, and programs that pass seldom take much longer than the
others. So a first pass gives every program a short limit. What runs over it waits until the problem's other programs are
done, and then runs again, last, under a budget made from those that ended.

CPU times are not quite the same twice: a busy machine, with cold caches, was seen to double and treble those of a few
milliseconds. So a budget takes one of a few values, far apart, and seldom moves with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from staged_reward.limits import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class SiblingBudget:
    """How a budget is made from the CPU times of a problem's programs that ended.

    Attributes:
        first_seconds: CPU limit of the first pass.
        first_wall_seconds: Wall limit of the first pass: a program that waits is put off as well.
        multiple: Of the quantile: what the budget has to cover.
        quantile: Of the CPU times of the programs that ended in the first pass.
        steps_seconds: The values a budget takes, in ascending order: the first that covers; beyond the last, and above
            the exact limit, the exact limit.
        min_siblings: With fewer that ended, the exact limit applies.
    """

    first_seconds: float = 0.03
    first_wall_seconds: float = 2.0
    multiple: float = 10.0
    quantile: float = 0.95
    steps_seconds: tuple[float, ...] = (0.1, 1.0)
    min_siblings: int = 4

    def first(self, exact: Limits, *, imports_slowly: bool = False) -> Limits:
        """Return the limits of the first pass; what imports slowly gets the shortest budget at once: it would run twice."""
        seconds = self.steps_seconds[0] if imports_slowly else self.first_seconds
        return replace(
            exact,
            cpu_seconds=min(seconds, exact.cpu_seconds),
            wall_seconds=min(self.first_wall_seconds, exact.wall_seconds),
        )

    def final(self, exact: Limits, ended_cpu_seconds: Sequence[float]) -> Limits:
        """Return the limits of the second pass, given the CPU times of the siblings that ended in the first."""
        if len(ended_cpu_seconds) < self.min_siblings:
            return exact
        needed = self.multiple * _quantile(ended_cpu_seconds, self.quantile)
        budget = next((step for step in self.steps_seconds if step >= needed), exact.cpu_seconds)
        return replace(exact, cpu_seconds=min(exact.cpu_seconds, budget))


def _quantile(values: Sequence[float], fraction: float) -> float:
    """Return the smallest value that at least `fraction` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -int(-fraction * len(ordered) // 1) - 1)]
