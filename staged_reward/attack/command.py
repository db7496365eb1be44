"""`staged-reward doctor --attack`: run the programs against this machine, with a bar, and show what was found."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from staged_reward.attack.corpus import attacks, honest_programs
from staged_reward.attack.jsonl import load_trials
from staged_reward.attack.report import has_held, lines_of, table_of
from staged_reward.attack.runner import TrialResult, run_trials
from staged_reward.attack.trial import Trial


def run_attack(console: Console, corpus: Path | None = None) -> bool:
    """Run the package's programs and those of a file; print a table and the findings.

    Args:
        console: Where to print.
        corpus: More programs; see `jsonl`.

    Returns:
        Whether the sandbox held: nothing scored, did harm or gave `infra_error`, and every honest program passed.
    """
    trials = [*attacks(), *honest_programs(), *([] if corpus is None else load_trials(corpus))]
    results = _run_with_bar(console, trials)
    console.print(table_of(results))
    for line in lines_of(results):
        console.print(escape(line), soft_wrap=True, highlight=False)
    return has_held(results)


def _run_with_bar(console: Console, trials: list[Trial]) -> list[TrialResult]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("attacks", total=len(trials))

        def show(result: TrialResult) -> None:
            progress.update(bar, advance=1, description=f"{result.trial.category}/{result.trial.name}"[:40].ljust(40))

        return run_trials(trials, on_result=show)
