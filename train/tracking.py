"""Where a training's log goes, beside the files of its trainer."""

from __future__ import annotations

import os
from pathlib import Path


def prepare_wandb(report_to: str, output_dir: str) -> None:
    """Keep wandb on this machine and inside the run's folder, unless the environment says otherwise."""
    if report_to == "wandb":
        Path(output_dir).mkdir(parents=True, exist_ok=True)
        os.environ.setdefault("WANDB_MODE", "offline")
        os.environ.setdefault("WANDB_DIR", output_dir)
        os.environ.setdefault("WANDB_PROJECT", "staged-reward")


def end_run(report_to: str) -> None:
    """Close wandb's run, where there is one: what is trained next in this process gets its own."""
    if report_to == "wandb":
        import wandb

        wandb.finish()
