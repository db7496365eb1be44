"""Fits the calibration of a reward model, from its score to the chance of being correct, on labelled samples.

`train_orm.py` fits one on its held-out problems. This fits another: for a checkpoint that has none, or when the policy whose
samples are scored has become another than the one that the reward model saw.

    python train/make_pairs.py --config configs/orm_data/mbpp.yaml problems=PROBLEMS samples=SAMPLES results=RESULTS
    python train/calibrate_orm.py CHECKPOINT runs/orm-data/mbpp/held_out.jsonl

Only samples count, not near misses or solutions, of which a policy writes none. Give problems that the model was not trained
on: on others it is too sure of itself.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from staged_reward import InputError
from staged_reward.orm.card import OrmCard, checkpoint_name
from staged_reward.orm.evaluation import calibrate
from staged_reward.orm.groups import SAMPLE, read_groups
from staged_reward.orm.scorer import OrmScorer


def main(
    checkpoint: Annotated[str, typer.Argument(help="Folder of the reward model, or 'default'; its card is changed.")],
    groups: Annotated[Path, typer.Argument(help="Labelled programs that make_pairs.py wrote.")],
    device: Annotated[str | None, typer.Option(help="Where to score; a GPU where there is one.")] = None,
) -> None:
    """Score the samples, fit, and write the calibration into the checkpoint's card."""
    folder = Path(checkpoint_name(checkpoint))
    if not folder.is_dir():
        raise InputError(f"{checkpoint!r} is no folder; the calibration is written into the orm.json of a checkpoint")
    labelled = read_groups(groups)
    scorer = OrmScorer(folder, device=device)
    pairs = [(group.prompt, item.program) for group in labelled for item in group.programs]
    found = iter(scorer.score([prompt for prompt, _ in pairs], [program for _, program in pairs]))
    scores = [[next(found) for _ in group.programs] for group in labelled]
    outcomes = [item.passed for group in labelled for item in group.programs if item.origin == SAMPLE]
    calibration = calibrate(labelled, scores)
    if calibration is None:
        raise InputError(
            f"{groups}: {sum(outcomes)} of {len(outcomes)} samples passed, and the scores do not tell them apart; "
            "give more problems, with samples of both kinds"
        )
    replace(OrmCard.of(str(folder)) or scorer.card(), calibration=calibration).save(folder)
    chances = [calibration.chance(score) for row in scores for score in row]
    print(
        f"{len(outcomes):,} samples of {len(labelled):,} problems, {sum(outcomes):,} passed: chance = "
        f"1 / (1 + exp(-({calibration.slope:.4f} score {calibration.intercept:+.4f}))), "
        f"from {min(chances):.3f} to {max(chances):.3f}; written into {folder / 'orm.json'}"
    )


if __name__ == "__main__":
    try:
        typer.run(main)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
