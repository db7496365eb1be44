"""What an audit shows: shares with their intervals, from programs that were drawn with unequal chances.

Every program counts by its weight, one over its chance of having been drawn, so that estimates are of all completions and
not of those that were drawn. Intervals are those of a sample of the effective size (Kish, 1965): Wilson's for shares,
Newcombe's for the area under the curve, which both stay wide where nothing was seen to go wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

Z = 1.959963984540054  # of a two-sided interval of 95 %
NUM_BINS = 10
NUM_RESAMPLES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """A completion that the full suite ran.

    Attributes:
        task_id: Its problem's.
        survived: No filter removed it.
        is_top: It has the highest reward of its group, among survivors.
        passed: The full suite.
        weight: One over its chance of having been audited.
        score: The reward model's.
        chance: Of being correct, as the reward takes it from the score.
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
    share that a filter removed. `top_accuracy`: of the best-rewarded survivor of each group, the share that passes it.
    `orm_auc`: the chance that a survivor which passes has a higher score than one which fails. `calibration_error`: how far
    the chances that scores stand for are from the shares that pass, as the mean over ten bins of chances.
    """
    survivors = [item for item in audited if item.survived]
    correct = [item for item in audited if item.passed]
    tops = [item for item in survivors if item.is_top]
    return {
        "false_positive_rate": weighted_share(survivors, lambda item: not item.passed),
        "false_negative_rate": weighted_share(correct, lambda item: not item.survived),
        "top_accuracy": weighted_share(tops, lambda item: item.passed),
        "orm_auc": area_under_curve(survivors),
        "calibration_error": calibration_error(survivors),
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
    won = math.fsum(v * w * ((score > other) + 0.5 * (score == other)) for score, v in right for other, w in wrong)
    area = won / (math.fsum(v for _, v in right) * math.fsum(w for _, w in wrong))
    area = min(1.0, max(0.0, area))
    sizes = effective_size([v for _, v in right]), effective_size([w for _, w in wrong])
    low = _furthest(area, 0.0, sizes)
    return Estimate(area, low, _furthest(area, 1.0, sizes), len(scored))


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


def calibration_error(items: Sequence[Audited]) -> Estimate:
    """Return the expected calibration error; its interval is that of 200 seeded resamples."""
    rows = [(item.chance, float(item.passed), item.weight) for item in items if item.chance is not None]
    if not rows:
        return Estimate()
    import numpy as np

    chance_B, passed_B, weight_B = np.array(rows, dtype=float).T
    bin_B = np.minimum((chance_B * NUM_BINS).astype(int), NUM_BINS - 1)

    def error(times_B: np.ndarray) -> float:
        gap_B = weight_B * times_B * (chance_B - passed_B)
        gaps = np.abs(np.bincount(bin_B, gap_B, NUM_BINS)).sum()
        return float(gaps / (weight_B * times_B).sum())

    generator = np.random.default_rng(0)
    times_RB = generator.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), size=NUM_RESAMPLES)
    low, high = np.percentile([error(times_B) for times_B in times_RB], [2.5, 97.5])
    value = error(np.ones(len(rows)))
    return Estimate(value, min(value, float(low)), max(value, float(high)), len(rows))
