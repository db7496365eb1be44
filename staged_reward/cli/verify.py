"""`staged-reward verify`: a file of samples in, a file of results and a table of the stages out."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from staged_reward import __version__
from staged_reward.cli.tables import print_totals, stage_table
from staged_reward.datasets import load_problems
from staged_reward.errors import InfraError, InputError
from staged_reward.journal import Journal
from staged_reward.limits import Limits
from staged_reward.problem import Judgement, Verdict
from staged_reward.samples import Sample, read_samples, result_row
from staged_reward.summary import summarise
from staged_reward.verifier import StagedVerifier


def verify(
    samples: Annotated[Path, typer.Argument(help="JSONL(.gz): task_id and solution (or completion) per row.")],
    problems: Annotated[str, typer.Option(help="JSONL(.gz) in any known schema, or a name such as 'humaneval'.")],
    output: Annotated[Path | None, typer.Option(help="Results; default SAMPLES_results.jsonl in this folder.")] = None,
    filters: Annotated[str, typer.Option(help="Comma-separated: syntax, lint, lint=ruff, tests=N, tests=N@SEED.")] = (
        "syntax,lint,tests=1"
    ),
    full: Annotated[bool, typer.Option("--full", help="Run every test; `passed` is then the suite's outcome.")] = False,
    count: Annotated[bool, typer.Option("--count", help="With --full: go on after a failed test.")] = False,
    orm: Annotated[str | None, typer.Option(help="Reward model: path, hub name, or 'default'.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes; default one per core.")] = None,
    time_limit: Annotated[str, typer.Option(help="siblings (a budget from the problem's programs) or exact.")] = (
        "siblings"
    ),
    cpu_seconds: Annotated[float, typer.Option(help="CPU limit of a program.")] = Limits().cpu_seconds,
    memory_mib: Annotated[int, typer.Option(help="Memory limit of a program.")] = Limits().memory_mib,
    require_isolation: Annotated[
        str, typer.Option(help="Refuse to run programs with less: none, confined, contained, full (see doctor).")
    ] = "confined",
    outer_wall: Annotated[bool, typer.Option("--outer-wall", help="Put bubblewrap around every sandbox.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was killed.")] = False,
) -> None:
    """Verify a file of samples and write one result per sample, in the same order."""
    console = Console()
    output = output or Path(f"{samples.name.removesuffix('.gz').removesuffix('.jsonl')}_results.jsonl")
    if output.exists() and any(path.exists() and output.samefile(path) for path in (samples, Path(problems))):
        raise InputError(f"--output {output} is also an input; choose another file")
    words = [word for word in filters.split(",") if word.strip()]
    verifier = StagedVerifier(
        words,
        orm,
        full=full,
        count_tests=count,
        workers=workers,
        limits=Limits(cpu_seconds=cpu_seconds, memory_mib=memory_mib),
        time_limit=time_limit,  # type: ignore[arg-type]  # checked there
        require_isolation=require_isolation,
        outer_wall=outer_wall,
    )
    loaded = load_problems(problems)
    for problem in loaded:
        verifier.check_problem(problem)
    rows = read_samples(samples, loaded)
    if verifier.scorer is not None:
        verifier.scorer.score([""], [""])  # load it: a wrong path is found before anything runs
    fingerprint = _fingerprint(samples, problems, words, full, count, orm, time_limit, cpu_seconds, memory_mib)
    with verifier, Journal(output, fingerprint, resume=resume) as journal, _hint_at_resume():
        judgements, seconds = _verify_rest(verifier, rows, journal)
        journal.finish()
    if judgements:
        console.print(stage_table(summarise(judgements, verifier.stages)))
        passed = sum(judgement.passed for judgement in judgements)
        print_totals(console, len(judgements), passed, seconds, verifier.num_workers)
    skipped = len(rows) - len(judgements)
    console.print(f"{len(rows):,} rows in {output}" + (f", {skipped:,} of them from the run before" if skipped else ""))
    if num_faults := sum(row["verdict"] == Verdict.INFRA_ERROR for row in journal.rows.values()):
        raise InfraError(f"{num_faults:,} of {len(rows):,} programs have the verdict infra_error; `detail` says why")


def _verify_rest(verifier: StagedVerifier, samples: list[Sample], journal: Journal) -> tuple[list[Judgement], float]:
    """Verify what the journal does not hold yet; return the judgements and the seconds this took."""
    todo = [position for position in range(len(samples)) if position not in journal.rows]
    judgements: list[Judgement] = []
    columns = (TextColumn("verifying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("verifying", total=len(samples), completed=len(journal.rows))
        started = perf_counter()
        stream = verifier.stream(
            [samples[position].problem for position in todo],
            [samples[position].program for position in todo],
            on_progress=lambda count: progress.advance(bar, count),
        )
        for judged in stream:
            journal.add((todo[i], result_row(samples[todo[i]], judgement)) for i, judgement in judged)
            judgements += [judgement for _, judgement in judged]
        seconds = perf_counter() - started
    return judgements, seconds


@contextmanager
def _hint_at_resume() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        print("interrupted; the same command with --resume goes on from here", file=sys.stderr)
        raise


def _fingerprint(samples: Path, problems: str, *settings: object) -> str:
    """Return a digest of what the results depend on."""
    digest = hashlib.sha256(repr((__version__, *settings)).encode())
    for path in (samples, Path(problems)):
        digest.update(path.read_bytes() if path.is_file() else str(path).encode())
    return digest.hexdigest()
