"""Which rows are Pareto-optimal: no other is at least as accurate and as fast, and better in one of the two."""

from __future__ import annotations

from collections.abc import Sequence


def pareto_optimal(points: Sequence[tuple[float, float]]) -> list[bool]:
    """Return which points, (throughput, accuracy), no other point dominates. Equal points are both optimal."""
    return [not any(_dominates(other, point) for other in points) for point in points]


def _dominates(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one != other and one[0] >= other[0] and one[1] >= other[1]
