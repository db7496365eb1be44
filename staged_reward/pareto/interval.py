"""Means with 95 % intervals: over problems and seeds by bootstrap, over timing trials by Student's t."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

NUM_RESAMPLES = 4000
LEVEL = 0.95

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean and the interval that covers the true one with a chance of 95 %."""

    mean: float
    low: float
    high: float


def over_problems(values_SP: Array, seed: int = 1) -> Estimate:
    """Return the mean over seeds and problems; both are drawn again, problems for all seeds alike.

    The interval is NaN where there is one problem. With two or three seeds it is a rough guide to their spread.

    Args:
        values_SP: A row per seed, a column per problem.
        seed: Of the resampling.
    """
    generator = np.random.default_rng(seed)
    num_seeds, num_problems = values_SP.shape
    mean = float(values_SP.mean())
    if num_problems < 2:
        return Estimate(mean, float("nan"), float("nan"))
    centre_P = values_SP.mean(axis=0)
    spread = np.sqrt(num_seeds / max(1, num_seeds - 1))  # of so few seeds, resampling alone makes too little
    wide_SP = centre_P + (values_SP - centre_P) * spread
    seeds_R = generator.integers(num_seeds, size=(NUM_RESAMPLES, num_seeds))
    problems_R = generator.integers(num_problems, size=(NUM_RESAMPLES, num_problems))
    by_problem_R = wide_SP[seeds_R].mean(axis=1) if num_seeds > 1 else np.repeat(values_SP, NUM_RESAMPLES, axis=0)
    means_R = np.take_along_axis(by_problem_R, problems_R, axis=1).mean(axis=1)
    low, high = np.percentile(means_R, [100 * (1 - LEVEL) / 2, 100 * (1 + LEVEL) / 2])
    return Estimate(mean, min(mean, float(low)), max(mean, float(high)))


def over_trials(values: Sequence[float]) -> Estimate:
    """Return the mean over trials; without an interval, NaN, where there is one trial."""
    array = np.asarray(values, dtype=np.float64)
    mean = float(array.mean())
    if len(array) < 2:
        return Estimate(mean, float("nan"), float("nan"))
    half = float(stats.t.ppf((1 + LEVEL) / 2, len(array) - 1) * array.std(ddof=1) / np.sqrt(len(array)))
    return Estimate(mean, mean - half, mean + half)
