"""A number that changes while a policy trains: more tests later, less weight for the reward model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from staged_reward.errors import InputError


@dataclass(frozen=True, slots=True)
class Schedule:
    """A function of progress, from 0 at the first step to 1 at the last.

    Attributes:
        points: (progress, value), in ascending order; before the first and after the last, their values apply.
        between: `step` keeps a value up to the next point, `linear` goes straight there.
    """

    points: Sequence[tuple[float, float]]
    between: Literal["step", "linear"] = "step"

    def __post_init__(self) -> None:
        places = [place for place, _ in self.points]
        if not places or places != sorted(set(places)) or not all(0 <= place <= 1 for place in places):
            raise InputError(
                f"schedule {list(self.points)!r}; give (progress, value) pairs, progress rising within 0 and 1"
            )
        if self.between not in ("step", "linear"):
            raise InputError(f"between={self.between!r}; give 'step' or 'linear'")

    def at(self, progress: float) -> float:
        """Return the value."""
        before = [point for point in self.points if point[0] <= progress]
        after = [point for point in self.points if point[0] > progress]
        if not before or not after:
            return (before[-1] if before else after[0])[1]
        (start, low), (end, high) = before[-1], after[0]
        return low if self.between == "step" else low + (high - low) * (progress - start) / (end - start)


def progress_of(trainer_state: object) -> float:
    """Return how far a training is, from what TRL passes as `trainer_state`; 0 where it does not say."""
    step, steps = getattr(trainer_state, "global_step", 0), getattr(trainer_state, "max_steps", 0)
    return min(1.0, step / steps) if steps else 0.0
