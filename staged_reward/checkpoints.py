"""Checkpoints that are whole: a run which is killed while it writes one goes on from the one before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import TrainerCallback

WHOLE = "whole"  # a file in a checkpoint that is complete


class MarkWhole(TrainerCallback):  # type: ignore[misc]
    """Leaves a mark in a checkpoint once all of it is written."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        """Take the marks off what another training left, beyond where this one begins."""
        if state.is_world_process_zero:
            for path in Path(args.output_dir).glob(f"checkpoint-*/{WHOLE}"):
                if _step_of(path.parent) > state.global_step:
                    path.unlink()

    def on_save(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        """Called after the last file."""
        if state.is_world_process_zero:
            (Path(args.output_dir) / f"checkpoint-{state.global_step}" / WHOLE).touch()


def last_whole_checkpoint(output_dir: str | Path) -> str | None:
    """Return the newest checkpoint that was written to its end; None where there is none."""
    found = [path.parent for path in Path(output_dir).glob(f"checkpoint-*/{WHOLE}")]
    return str(max(found, key=_step_of)) if found else None


def _step_of(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("-")[2])
