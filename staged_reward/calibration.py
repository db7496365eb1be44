"""From a reward model's score to a chance of being correct: Platt's scaling.

Source: Platt (1999), "Probabilistic outputs for support vector machines".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from staged_reward.errors import InputError


@dataclass(frozen=True, slots=True)
class Calibration:
    """The chance that a program with score s is correct is 1 / (1 + exp(-(slope · s + intercept))).

    Attributes:
        slope: Positive: a higher score is never a smaller chance.
        intercept: Decides the score at which it is one half.
    """

    slope: float = 1.0
    intercept: float = 0.0

    def __post_init__(self) -> None:
        if not (0 < self.slope < math.inf and math.isfinite(self.intercept)):
            raise InputError(
                f"calibration with slope={self.slope} and intercept={self.intercept}; the slope must be above 0, both finite"
            )

    def chance(self, score: float) -> float:
        """Return the chance, in [0, 1], for any score; NaN counts as the least one."""
        logit = -math.inf if math.isnan(score) else self.slope * score + self.intercept
        return 1 / (1 + math.exp(-logit)) if logit > -700 else 0.0


def fit_calibration(scores: Sequence[float], passed: Sequence[bool]) -> Calibration | None:
    """Return the calibration under which the outcomes are most likely, or None where scores do not tell them apart.

    Outcomes are softened as Platt does, by one more of each kind, so that scores which tell all apart have a finite slope.

    Args:
        scores: Finite.
        passed: Outcomes of the full suite, one per score.

    Raises:
        InputError: There are not outcomes of both kinds, or the lengths differ.
    """
    import numpy as np
    from scipy.optimize import minimize

    if len(scores) != len(passed) or len(set(passed)) != 2:
        raise InputError(
            f"{len(scores)} scores, {sum(passed)} of {len(passed)} passed; give both kinds, one score each"
        )
    right = sum(passed)
    wrong = len(passed) - right
    target_B = np.where(passed, (right + 1) / (right + 2), 1 / (wrong + 2))
    centre, spread = float(np.mean(scores)), float(np.std(scores)) or 1.0
    place_B = (np.asarray(scores, dtype=float) - centre) / spread

    def loss(at: np.ndarray) -> float:
        logit_B = at[0] * place_B + at[1]
        return float(np.sum(np.logaddexp(0.0, logit_B) - target_B * logit_B))

    slope, intercept = minimize(loss, np.array([0.0, math.log((right + 1) / (wrong + 1))])).x
    if not slope > 1e-6:
        return None
    return Calibration(float(slope / spread), float(intercept - slope * centre / spread))
