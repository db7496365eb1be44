"""`staged-reward demo`: the main job on the package's own examples."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

from rich.console import Console
from rich.syntax import Syntax

from staged_reward.cli.tables import print_totals, stage_table, time_table
from staged_reward.datasets import load_problems
from staged_reward.examples import CANDIDATES, PROBLEMS
from staged_reward.normalise import black_format, strip_comments
from staged_reward.problem import Judgement
from staged_reward.samples import Sample, read_samples
from staged_reward.summary import summarise
from staged_reward.verifier import StagedVerifier

NUM_SHOWN = 2


def demo() -> None:
    """Verify 16 candidates for each of the package's example problems: filter, then run the full suite."""
    console = Console()
    problems = load_problems(PROBLEMS)
    samples = read_samples(CANDIDATES, problems)
    console.print(f"{len(samples)} candidate programs for {len(problems)} problems, the kind that code models write.\n")
    filters = ("syntax", "lint", "tests=1")
    with StagedVerifier(filters, full=True, require_isolation="none") as verifier:  # the package's own programs
        verifier.verify(problems[:1], ["pass"])  # start the workers: not part of the measurement
        started = perf_counter()
        judgements = verifier.verify([s.problem for s in samples], [s.program for s in samples])
        seconds = perf_counter() - started
    summaries = summarise(judgements, verifier.stages)
    console.print(stage_table(summaries))
    passed = sum(judgement.passed for judgement in judgements)
    print_totals(console, len(judgements), passed, seconds, verifier.num_workers)
    _print_filters(console, judgements)
    console.print("\n[bold]where the time went[/bold]")
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
