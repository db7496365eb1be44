"""`staged-reward demo`: the main job on the package's own examples, which the reward model that ships has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from time import perf_counter
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table

from staged_reward.cli.tables import print_totals, stage_table, time_table
from staged_reward.datasets import load_problems
from staged_reward.examples import CANDIDATES, PROBLEMS
from staged_reward.normalise import black_format, strip_comments
from staged_reward.problem import Judgement
from staged_reward.rankers import Ranked, rank
from staged_reward.samples import Sample, read_samples
from staged_reward.summary import summarise
from staged_reward.verifier import StagedVerifier

NUM_SHOWN = 2
CHOICES = (
    ("any candidate", "random", False),
    ("the most frequent one", "majority", False),
    ("any that the filters left", "random", True),
    ("the most frequent that they left", "majority", True),
    ("the reward model's of those", "orm", True),
)
"""How one of a problem's candidates is chosen: in words, by which ranker, among those that the filters left or all."""
NUM_LOTS = 50  # for what is left to chance


def demo(
    orm: Annotated[str | None, typer.Option(help="Also score survivors: path, hub name, or 'default'.")] = None,
) -> None:
    """Verify 16 candidates for each of the package's example problems: filter, then run the full suite."""
    console = Console()
    problems = load_problems(PROBLEMS)
    samples = read_samples(CANDIDATES, problems)
    console.print(f"{len(samples)} candidate programs for {len(problems)} problems, the kind that code models write.\n")
    filters = ("syntax", "lint", "tests=1")
    # These are the package's own programs: they may run where a machine offers no isolation.
    with StagedVerifier(filters, orm=orm, full=True, require_isolation="none") as verifier:
        verifier.verify(
            problems[:1], [problems[0].solution]
        )  # start workers, load the model: not part of what is timed
        started = perf_counter()
        judgements = verifier.verify([s.problem for s in samples], [s.program for s in samples])
        seconds = perf_counter() - started
    summaries = summarise(judgements, verifier.stages)
    console.print(stage_table(summaries))
    passed = sum(judgement.passed for judgement in judgements)
    print_totals(console, len(judgements), passed, seconds, verifier.num_workers)
    _print_filters(console, judgements)
    if orm is not None:
        console.print(_choice_table(samples, judgements))
    console.print("[bold]where the time went[/bold]")
    console.print(time_table(summaries))
    for problem in problems[:: len(problems) // NUM_SHOWN][:NUM_SHOWN]:
        _print_best(console, problem.task_id, samples, judgements)


def _print_filters(console: Console, judgements: Sequence[Judgement]) -> None:
    survivors = [judgement for judgement in judgements if judgement.filtered_by is None]
    wrong = sum(not judgement.passed for judgement in survivors)
    console.print(
        f"The filters kept {len(survivors)}; {wrong} of those ({wrong / len(survivors):.0%}) fail a later test: "
        "what an outcome reward model is there to rank down."
    )


def _choice_table(samples: Sequence[Sample], judgements: Sequence[Judgement]) -> Table:
    """Return how often a choice of one candidate per problem passes the full suite, as a mean over problems."""
    groups: dict[str, list[Judgement]] = {}
    for sample, judgement in zip(samples, judgements, strict=True):
        groups.setdefault(sample.problem.task_id, []).append(judgement)
    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    table.add_column("one candidate per problem")
    table.add_column("is right", justify="right")
    for words, ranker, is_filtered in CHOICES:
        shares = [
            _chance_of_right(task_id, [j for j in group if not is_filtered or j.filtered_by is None], ranker)
            for task_id, group in groups.items()
        ]
        table.add_row(words, f"{fmean(shares):.0%}")
    best = fmean(any(judgement.passed for judgement in group) for group in groups.values())
    table.add_row("one that passes the full suite", f"{best:.0%}")
    return table


def _chance_of_right(task_id: str, candidates: Sequence[Judgement], ranker: str) -> float:
    """Return how often the first of a ranking passes, over lots among equals; 0 without candidates."""
    if not candidates:
        return 0.0
    ranked = [Ranked(judgement.program or "", score=judgement.score) for judgement in candidates]
    firsts = [rank(ranker, task_id, ranked, seed)[0] for seed in range(NUM_LOTS)]
    return fmean(candidates[first].passed for first in firsts)


def _print_best(console: Console, task_id: str, samples: Sequence[Sample], judgements: Sequence[Judgement]) -> None:
    """Print the program that most candidates agree on, among those that pass all tests; without their comments."""
    group = [(j, s) for j, s in zip(judgements, samples, strict=True) if s.problem.task_id == task_id]
    passing = [j for j, _ in group if j.passed]
    best = max(passing, key=lambda judgement: judgement.count)
    console.print(
        f"\n[bold]{task_id}[/bold]: the best of {len(group)} candidates; {len(passing)} pass all "
        f"{best.tests_run} tests, {best.count} are this program"
    )
    program = black_format(strip_comments(best.program or "")).strip()
    console.print(Syntax(program, "python", background_color="default"))
