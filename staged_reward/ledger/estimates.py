"""What an audit shows: shares with their intervals, from programs that were drawn with unequal chances.

Every program counts by its weight, one over its chance of having been drawn, so that estimates are of all completions and
not of those that were drawn. Intervals are those of a sample of the effective size (Kish, 1965): Wilson's for shares of one
kind, Newcombe's for the area under the curve, both wide where nothing was seen to go wrong; a share that mixes survivors
and removed programs combines the intervals of the two (MOVER, Zou and Donner, 2008).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

Z = 1.959963984540054  # of a two-sided interval of 95 %


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """A completion that the full suite ran.

    Attributes:
        task_id: Its problem's.
        survived: No filter removed it.
        is_top: It has the highest score of its group, among survivors; without scores it is the first.
        passed: The full suite.
        weight: One over its chance of having been audited.
        score: The reward model's.
        chance: Of being correct, as a calibration takes it from the score; None without one.
    """

    task_id: str
    survived: bool
    is_top: bool
    passed: bool
    weight: float
    score: float | None = None
    chance: float | None = None

    def as_row(self) -> dict[str, Any]:
        """Return plain data, for a file."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its interval of 95 %; all NaN where nothing can be said.

    Attributes:
        value: The estimate.
        low: Lower end.
        high: Upper end.
        num: Programs that it rests on.
    """

    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    num: int = 0


def estimate_all(audited: Sequence[Audited]) -> dict[str, Estimate]:
    """Return all estimates by their names.

    `false_positive_rate`: of survivors, the share that fails the full suite. `false_negative_rate`: of what passes it, the
    share that a filter removed. `top_accuracy`: of the best-scored survivor of each group, the share that passes it.
    `orm_auc`: the chance that a survivor which passes has a higher score than one which fails. `calibration_gap`: the mean
    chance that a calibration gives survivors, less the share of them that passes.
    """
    survivors = [item for item in audited if item.survived]
    removed = [item for item in audited if not item.survived]
    tops = [item for item in survivors if item.is_top]
    return {
        "false_positive_rate": weighted_share(survivors, lambda item: not item.passed),
        "false_negative_rate": share_of_correct_removed(removed, survivors),
        "top_accuracy": weighted_share(tops, lambda item: item.passed),
        "orm_auc": area_under_curve(survivors),
        "calibration_gap": calibration_gap(survivors),
    }


def weighted_share(items: Sequence[Audited], holds: Callable[[Audited], bool]) -> Estimate:
    """Return the weighted share for which something holds, with Wilson's interval."""
    size = effective_size([item.weight for item in items])
    if not size:
        return Estimate()
    total = math.fsum(item.weight for item in items)
    share = math.fsum(item.weight for item in items if holds(item)) / total
    centre = (share + Z * Z / (2 * size)) / (1 + Z * Z / size)
    half = Z / (1 + Z * Z / size) * math.sqrt(share * (1 - share) / size + Z * Z / (4 * size * size))
    return Estimate(share, max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half)), len(items))


def share_of_correct_removed(removed: Sequence[Audited], survivors: Sequence[Audited]) -> Estimate:
    """Return the share of removed programs among the correct ones; NaN where none of either kind was audited."""
    lost = weighted_share(removed, lambda item: item.passed)
    kept = weighted_share(survivors, lambda item: item.passed)
    num_lost, num_kept = (math.fsum(item.weight for item in items) for items in (removed, survivors))

    def share(lost_share: float, kept_share: float) -> float:
        correct = num_lost * lost_share + num_kept * kept_share
        return num_lost * lost_share / correct if correct else math.nan

    value = share(lost.value, kept.value)
    if math.isnan(value):
        return Estimate(num=len(removed) + len(survivors))
    below = (value - share(lost.low, kept.value), value - share(lost.value, kept.high))
    above = (share(lost.high, kept.value) - value, share(lost.value, kept.low) - value)
    low, high = (math.hypot(*(0.0 if math.isnan(part) else part for part in parts)) for parts in (below, above))
    return Estimate(value, max(0.0, value - low), min(1.0, value + high), len(removed) + len(survivors))


def effective_size(weights: Sequence[float]) -> float:
    """Return the size of an equally weighted sample that says as much: (Σw)² / Σw²."""
    squares = math.fsum(weight * weight for weight in weights)
    return math.fsum(weights) ** 2 / squares if squares else 0.0


def area_under_curve(items: Sequence[Audited]) -> Estimate:
    """Return the area under the ROC curve of the scores; a tie counts half.

    The interval is method 5 of Newcombe (2006): all areas from which the one seen is not further than its standard error
    (Hanley and McNeil, 1982) allows.
    """
    scored = [(item.score, item.weight, item.passed) for item in items if item.score is not None]
    right = [(score, weight) for score, weight, passed in scored if passed]
    wrong = [(score, weight) for score, weight, passed in scored if not passed]
    if not right or not wrong:
        return Estimate(num=len(scored))
    area = _area(right, wrong)
    sizes = effective_size([v for _, v in right]), effective_size([w for _, w in wrong])
    low = _furthest(area, 0.0, sizes)
    return Estimate(area, low, _furthest(area, 1.0, sizes), len(scored))


def _area(right: Sequence[tuple[float, float]], wrong: Sequence[tuple[float, float]]) -> float:
    """Return the weighted share of pairs (right, wrong) in which the right one has the higher score."""
    import numpy as np

    score_R, weight_R = np.array(right, dtype=float).T
    score_W, weight_W = np.array(wrong, dtype=float).T
    order_W = np.argsort(score_W, kind="stable")
    below_W = np.concatenate([[0.0], np.cumsum(weight_W[order_W])])
    sorted_W = score_W[order_W]
    beaten_R = (
        below_W[np.searchsorted(sorted_W, score_R, "left")] + below_W[np.searchsorted(sorted_W, score_R, "right")]
    )
    return float(np.clip((weight_R * beaten_R).sum() / 2 / weight_R.sum() / weight_W.sum(), 0.0, 1.0))


def _furthest(area: float, end: float, sizes: tuple[float, float]) -> float:
    """Return the area closest to `end` that the one seen does not exclude, by halving."""
    inside, outside = area, end
    if abs(area - outside) <= Z * _area_error(outside, sizes):
        return outside
    for _ in range(50):
        middle = (inside + outside) / 2
        if abs(area - middle) <= Z * _area_error(middle, sizes):
            inside = middle
        else:
            outside = middle
    return inside


def _area_error(area: float, sizes: tuple[float, float]) -> float:
    """Return the standard error of an area, the two sample sizes taken alike."""
    num_right, num_wrong = sizes
    more = max(0.0, (num_right + num_wrong) / 2 - 1)
    spread = 1 + more * (1 - area) / (2 - area) + more * area / (1 + area)
    return math.sqrt(area * (1 - area) * spread / (num_right * num_wrong))


def calibration_gap(items: Sequence[Audited]) -> Estimate:
    """Return the mean chance less the share that passes: positive where a calibration promises too much.

    The interval is that of a weighted mean; NaN where there is one program.
    """
    rows = [(item.chance - item.passed, item.weight) for item in items if item.chance is not None]
    if not rows:
        return Estimate()
    total = math.fsum(weight for _, weight in rows)
    mean = math.fsum(gap * weight for gap, weight in rows) / total
    if len(rows) < 2:
        return Estimate(mean, math.nan, math.nan, 1)
    spread = math.fsum(weight**2 * (gap - mean) ** 2 for gap, weight in rows) * len(rows) / (len(rows) - 1)
    half = Z * math.sqrt(spread) / total
    return Estimate(mean, mean - half, mean + half, len(rows))
