"""Outcome-gated rewards: what failed gets 0, what passed lies in [gap, 1], and a reward model orders within that gap alone.

So whatever a reward model says, no failing program is above a passing one, and a group in which all fail stays flat: it
gives no advantage. Without such a gate, verl-recipe#125 reports a pass rate of 0.102; with one, 0.753.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

from staged_reward.calibration import Calibration
from staged_reward.errors import InputError
from staged_reward.problem import FULL, Judgement, Verdict

Scale = Literal["global", "group"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """How outcomes and scores become rewards.

    Attributes:
        gap: The least reward of a program that passed; what failed has 0.
        scale: `global` maps a score to a value in [0, 1], the same in every group; `group` to its place among the distinct
            scores of its group's survivors, the best 1 and the worst 0.
        calibration: With it, the global value is the chance that the program is correct; without, it is
            (1 + s / (1 + |s|)) / 2 for a score s.
        orm_weight: How much of the range above `gap` the scores use: with 0, every survivor has 1.
    """

    gap: float = 0.5
    scale: Scale = "global"
    orm_weight: float = 1.0
    calibration: Calibration | None = None

    def __post_init__(self) -> None:
        if not 0 < self.gap <= 1:
            raise InputError(f"gap={self.gap}; give a number above 0, up to 1")
        if self.scale not in ("global", "group"):
            raise InputError(f"scale={self.scale!r}; give 'global' or 'group'")
        if not 0 <= self.orm_weight <= 1:
            raise InputError(f"orm_weight={self.orm_weight}; give a number from 0 to 1")

    def rewards(self, judgements: Sequence[Judgement], groups: Sequence[Hashable]) -> list[float | None]:
        """Return the rewards of a call.

        Args:
            judgements: Of the call's programs.
            groups: What is equal for programs of one group.

        Returns:
            One per judgement, as `reward_of` has it on the scale chosen.
        """
        goodness = self._goodness(judgements, groups)
        return [
            self._reward(j.verdict, good, is_filtered=j.filtered_by is not None, is_certain=_ran_in_full(j))
            for j, good in zip(judgements, goodness, strict=True)
        ]

    def reward_of(
        self, verdict: Verdict, score: float | None, *, is_filtered: bool = False, is_certain: bool = False
    ) -> float | None:
        """Return the reward of one outcome, on the global scale.

        Args:
            verdict: The last one.
            score: The reward model's, any float; NaN counts as the least. None without one.
            is_filtered: A filter removed the program, whatever the full suite says of it.
            is_certain: The full suite ran: what passes it has 1, for nothing is left to guess.

        Returns:
            0.0, or a number in [gap, 1]; None for a fault of ours, and for what did not run.
        """
        return self._reward(verdict, self._value(score), is_filtered=is_filtered, is_certain=is_certain)

    def _reward(self, verdict: Verdict, good: float, *, is_filtered: bool, is_certain: bool) -> float | None:
        if verdict in (Verdict.INFRA_ERROR, Verdict.NOT_RUN):
            return None
        if is_filtered or verdict is not Verdict.PASSED:
            return 0.0
        return 1.0 if is_certain else 1.0 - self.orm_weight * (1.0 - self.gap) * (1.0 - good)

    def _value(self, score: float | None) -> float:
        """Return where a score stands on the global scale: its calibrated chance where there is one; 1 without a score."""
        if score is None:
            return 1.0
        return _squashed(score) if self.calibration is None else self.calibration.chance(score)

    def _goodness(self, judgements: Sequence[Judgement], groups: Sequence[Hashable]) -> list[float]:
        """Return how good each program is among those that passed, in [0, 1]."""
        if self.scale == "global":
            return [self._value(judgement.score) for judgement in judgements]
        scores: dict[Hashable, set[float]] = defaultdict(set)
        for judgement, group in zip(judgements, groups, strict=True):
            if judgement.passed and judgement.filtered_by is None and judgement.score is not None:
                scores[group].add(_orderly(judgement.score))
        places = {
            group: (
                {score: place / max(1, len(found) - 1) for place, score in enumerate(sorted(found))}
                if len(found) > 1
                else dict.fromkeys(found, 1.0)
            )
            for group, found in scores.items()
        }
        return [
            1.0 if j.score is None else places.get(group, {}).get(_orderly(j.score), 0.0)
            for j, group in zip(judgements, groups, strict=True)
        ]


def _ran_in_full(judgement: Judgement) -> bool:
    return any(result.stage == FULL for result in judgement.stages)


def _orderly(score: float) -> float:
    """Return a score that can be compared: what is no number comes last."""
    return -math.inf if math.isnan(score) else score


def _squashed(score: float) -> float:
    """Return (1 + s / (1 + |s|)) / 2: increasing, and apart far beyond where a sigmoid saturates."""
    score = _orderly(score)
    return 0.5 / (1.0 - score) if score < 0 else 1.0 - 0.5 / (1.0 + score)
