"""Takes the ledger to the trainer's trackers: wandb, trackio, TensorBoard and the trainer's own log.

A reward's hook carries what averages over ranks (see `metrics`). This adds what does not: sums over all ranks, and what the
audits show, read from the files of all ranks by the process that logs.
"""

from __future__ import annotations

import math
import sys
import warnings
from typing import Any

from transformers import TrainerCallback

from staged_reward.errors import InfraError, InputError
from staged_reward.ledger.entry import Entry
from staged_reward.ledger.metrics import COST, audit_metrics, total_metrics
from staged_reward.reward import AsyncStagedReward, StagedReward


class LedgerCallback(TrainerCallback):  # type: ignore[misc]  # transformers ships no types
    """Adds to every log of the training what the ledger of a reward says.

    Use `LedgerCallback(reward).attach(trainer)`: callbacks that are added later than a tracker's would come too late for it.

    Args:
        reward: With a ledger.

    Raises:
        InputError: It has none.
    """

    def __init__(self, reward: StagedReward | AsyncStagedReward) -> None:
        reward = reward.reward if isinstance(reward, AsyncStagedReward) else reward
        if reward.ledger is None:
            raise InputError("LedgerCallback needs a reward with a ledger; give StagedReward(ledger=FOLDER)")
        self._ledger = reward.ledger
        self._prefix = reward.__name__
        self._has_axis = False
        self._has_warned = False

    def attach(self, trainer: Any) -> None:
        """Put it in front of the callbacks of a trainer."""
        trainer.callback_handler.callbacks.insert(0, self)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **rest: Any) -> None:
        """Add to `logs`, before trackers read them, and to the trainer's own log what is a number."""
        is_of_training = any(key == "loss" or key.startswith(f"{self._prefix}/") for key in logs or {})
        if not state.is_world_process_zero or not is_of_training:
            return
        found = {f"{self._prefix}/{name}": value for name, value in self._metrics().items()}
        logs.update(found)
        if state.log_history:
            state.log_history[-1].update({name: value for name, value in found.items() if math.isfinite(value)})
        self._draw_against_cost()

    def _metrics(self) -> dict[str, float]:
        """Return what the ledger says; NaN under the same names where it cannot be read, which must not end a training."""
        try:
            return self._ledger.metrics()
        except InputError as error:
            if not self._has_warned:
                warnings.warn(f"{error}; its metrics are NaN", stacklevel=2)
            self._has_warned = True
            return dict.fromkeys((*total_metrics(Entry()), *audit_metrics((), ())), math.nan)

    def _draw_against_cost(self) -> None:
        """Make wandb draw what audits show against what verification cost, without hand work."""
        wandb = sys.modules.get("wandb")
        if self._has_axis or wandb is None or getattr(wandb, "run", None) is None:
            return
        for prefix in (f"train/{self._prefix}", self._prefix):  # the trainer's callback puts `train/` in front
            wandb.define_metric(f"{prefix}/{COST}")
            for family in ("audit/*", "audit_step/*"):
                wandb.define_metric(f"{prefix}/{family}", step_metric=f"{prefix}/{COST}")
        self._has_axis = True

    def on_train_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        """Wait for the last audits, so that the ledger is whole; what breaks now must not cost the trained model."""
        try:
            self._ledger.wait()
        except (InputError, InfraError) as error:
            warnings.warn(f"the last audits are missing from the ledger: {error}", stacklevel=2)
