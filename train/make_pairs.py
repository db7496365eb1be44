"""Labelled samples → what an outcome reward model is trained on: `pairs.jsonl` and `groups.jsonl`.

What it does: joins samples with the results of `staged-reward verify --full`, formats by Black, drops what cannot be used,
adds near misses (mutants of correct programs, each run against all tests), draws pairs, and prints the counts of the
paper's Table 4. What it does not do: sample, or judge samples.

Source of the rules: Orlanski et al. (arXiv 2506.10056, appendix A). Near misses are ours.

    staged-reward verify SAMPLES --problems PROBLEMS --full --output RESULTS
    python train/make_pairs.py --config configs/orm_data/mbpp.yaml problems=PROBLEMS samples=SAMPLES results=RESULTS
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from staged_reward import InputError, StagedVerifier, load_problems
from staged_reward.orm.groups import Counts, Group, keep_usable, make_groups, read_outcomes, write_groups, write_rows
from staged_reward.orm.near_miss import add_near_misses
from staged_reward.orm.pairs import draw_pairs
from staged_reward.samples import read_samples


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where the data is and what to make of it.

    Attributes:
        problems: File, or the name of a data set.
        samples: File of samples.
        results: What `verify --full` wrote for it; or rows with `label`.
        output_dir: Gets `pairs.jsonl`, `groups.jsonl`, with held-out problems `held_out.jsonl`, and `counts.json`.
        seed: Decides pairs, mutants and held-out problems.
        max_pairs: Per problem.
        reuse: A program may be in several pairs of its problem.
        near_misses: Mutants tried per problem; 0 for none.
        solutions: Each problem's own solution is a correct program, also of problems without samples.
        held_out: This share of the problems is kept apart, for evaluation.
        workers: Of the verifier, for near misses.
    """

    problems: str
    samples: str
    results: str
    output_dir: str
    seed: int = 1
    max_pairs: int = 6
    reuse: bool = False
    near_misses: int = 0
    solutions: bool = False
    held_out: float = 0.0
    workers: int = 2

    def __post_init__(self) -> None:
        if self.max_pairs < 1:
            raise InputError(f"max_pairs={self.max_pairs}; give at least 1")
        if self.near_misses < 0:
            raise InputError(f"near_misses={self.near_misses}; give 0 or more")
        if not 0 <= self.held_out < 1:
            raise InputError(f"held_out={self.held_out}; give a share from 0 up to, not including, 1")


def main(config: Settings) -> None:
    """Read, make, write, and print the counts."""
    problems = load_problems(config.problems)
    samples = read_samples(config.samples, problems)
    counts = Counts()
    solved = problems if config.solutions else ()
    groups = make_groups(samples, read_outcomes(config.results, samples), counts, solved=solved)
    if config.near_misses:
        with StagedVerifier(filters=(), full=True, workers=config.workers) as verifier:
            by_id = {problem.task_id: problem for problem in problems}
            add_near_misses(groups, by_id, verifier, num_per_problem=config.near_misses, seed=config.seed)
    usable = keep_usable(groups, counts)
    train, held_out = _split(usable, config)
    pairs = list(draw_pairs(train, config.seed, max_pairs=config.max_pairs, is_reusing=config.reuse))
    counts.pairs = len(pairs)
    folder = Path(config.output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    write_groups(folder / "groups.jsonl", train)
    write_rows(folder / "pairs.jsonl", (pair._asdict() for pair in pairs))
    if held_out:
        write_groups(folder / "held_out.jsonl", held_out)
    (folder / "counts.json").write_text(json.dumps(counts.as_dict(), indent=2) + "\n", encoding="utf-8")
    _show(counts, len(held_out))


def _split(groups: Sequence[Group], config: Settings) -> tuple[list[Group], list[Group]]:
    """Return the problems to train on, and those held out."""
    ids = sorted(group.task_id for group in groups)
    random.Random(config.seed).shuffle(ids)
    apart = set(ids[: round(config.held_out * len(ids))])
    train, held_out = [g for g in groups if g.task_id not in apart], [g for g in groups if g.task_id in apart]
    if not train:
        raise InputError(f"held_out={config.held_out} leaves no problem of {len(ids)} to train on; give less")
    return train, held_out


def _show(counts: Counts, num_held_out: int) -> None:
    table = Table(title="Training data")
    table.add_column("what")
    table.add_column("count", justify="right")
    for name, value in counts.as_dict().items():
        table.add_row(name.replace("_", " "), f"{value:,}")
    table.add_row("passed, % of programs", f"{100 * counts.passed / counts.programs:.1f}")
    if num_held_out:
        table.add_row("problems held out, of those kept", f"{num_held_out:,}")
    Console().print(table)


if __name__ == "__main__":
    from staged_reward.config import config_from_command_line

    try:
        main(config_from_command_line(Settings, __doc__))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
