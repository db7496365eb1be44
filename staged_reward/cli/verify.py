"""`staged-reward verify`: a file of samples in, a file of results and a table of the stages out."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from staged_reward import __version__
from staged_reward.cli.tables import print_totals, stage_table
from staged_reward.datasets import load_problems
from staged_reward.errors import InfraError, InputError
from staged_reward.journal import Journal
from staged_reward.kill_history import KillHistory
from staged_reward.limits import Limits
from staged_reward.problem import Judgement, Verdict
from staged_reward.samples import Sample, read_samples, result_row
from staged_reward.scoring import Scorer
from staged_reward.selection.choice import Choice
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
    cascade: Annotated[
        str | None, typer.Option(help="A larger reward model, PATH@TOP, for the best TOP of --orm's per problem.")
    ] = None,
    strategy: Annotated[
        str | None,
        typer.Option(
            help="Choose one program per problem: certified, or budget=CPU_SECONDS. Runs no more than that takes."
        ),
    ] = None,
    order: Annotated[
        str, typer.Option(help="given, or adaptive: what ends most programs per CPU second runs first.")
    ] = "given",
    history: Annotated[
        Path | None, typer.Option(help="With --order adaptive: what earlier runs taught; read if there, then written.")
    ] = None,
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
    share: Annotated[bool, typer.Option(help="Let programs that only compute fail in one process, in turn.")] = True,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was killed.")] = False,
) -> None:
    """Verify a file of samples and write one result per sample, in the same order."""
    console = Console()
    output = output or Path(f"{samples.name.removesuffix('.gz').removesuffix('.jsonl')}_results.jsonl")
    if output.exists() and any(path.exists() and output.samefile(path) for path in (samples, Path(problems))):
        raise InputError(f"--output {output} is also an input; choose another file")
    words = [word for word in filters.split(",") if word.strip()]
    if strategy is not None and full:
        raise InputError("--strategy chooses without running everything, and --full runs everything; give one of them")
    verifier = StagedVerifier(
        words,
        _scorer(orm, cascade),
        full=full,
        count_tests=count,
        workers=workers,
        limits=Limits(cpu_seconds=cpu_seconds, memory_mib=memory_mib),
        time_limit=time_limit,  # type: ignore[arg-type]  # checked there
        order=order,  # type: ignore[arg-type]  # checked there
        history=KillHistory.read(history) if history is not None and history.exists() else None,
        require_isolation=require_isolation,
        outer_wall=outer_wall,
        share=share,
    )
    if history is not None and verifier.history is None:
        raise InputError("--history is only used with --order adaptive; leave one out, or change the other")
    loaded = load_problems(problems)
    for problem in loaded:
        verifier.check_problem(problem)
    rows = read_samples(samples, loaded)
    if verifier.scorer is not None:
        verifier.scorer.score([""], [""])  # load it: a wrong path is found before anything runs
    settings = (words, full, count, orm, cascade, strategy, order, time_limit, cpu_seconds, memory_mib)
    fingerprint = _fingerprint(samples, problems, *settings)
    with verifier, Journal(output, fingerprint, resume=resume) as journal, hint_at_resume():
        judgements, seconds = _verify_rest(verifier, rows, journal, strategy)
        journal.finish()
    if history is not None and verifier.history is not None:
        verifier.history.write(history)
    if judgements:
        console.print(stage_table(summarise(judgements, _stages(verifier, judgements))))
        passed = sum(judgement.passed for judgement in judgements)
        print_totals(console, len(judgements), passed, seconds, verifier.num_workers)
    if strategy is not None:
        _print_choices(console, journal)
    skipped = len(rows) - len(judgements)
    console.print(f"{len(rows):,} rows in {output}" + (f", {skipped:,} of them from the run before" if skipped else ""))
    if num_faults := sum(row["verdict"] == Verdict.INFRA_ERROR for row in journal.rows.values()):
        raise InfraError(f"{num_faults:,} of {len(rows):,} programs have the verdict infra_error; `detail` says why")


def _scorer(orm: str | None, cascade: str | None) -> str | Scorer | None:
    if cascade is None:
        return orm
    from staged_reward.orm.cascade import CascadeScorer

    path, at, top = cascade.rpartition("@")
    if orm is None or not at or not top.isdigit():
        raise InputError(f"--cascade {cascade}; give PATH@TOP, such as runs/large@16, beside --orm")
    return CascadeScorer(orm, path, top=int(top))


def _stages(verifier: StagedVerifier, judgements: Sequence[Judgement]) -> list[str]:
    """Return the names of the stages that ran; a strategy runs the full suite, too."""
    return list(dict.fromkeys([*verifier.stages, *(result.stage for j in judgements for result in j.stages)]))


def _verify_rest(
    verifier: StagedVerifier, samples: list[Sample], journal: Journal, strategy: str | None
) -> tuple[list[Judgement], float]:
    """Verify what the journal does not hold yet; return the judgements and the seconds this took."""
    todo = [position for position in range(len(samples)) if position not in journal.rows]
    problems, programs = [samples[place].problem for place in todo], [samples[place].program for place in todo]
    judgements: list[Judgement] = []
    columns = (TextColumn("verifying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("verifying", total=len(samples), completed=len(journal.rows))
        started = perf_counter()

        def on_progress(count: int) -> None:
            progress.advance(bar, count)

        if strategy is None:
            for judged in verifier.stream(problems, programs, on_progress=on_progress):
                journal.add((todo[i], result_row(samples[todo[i]], judgement)) for i, judgement in judged)
                judgements += [judgement for _, judgement in judged]
        else:
            for choice in verifier.stream_choices(problems, programs, strategy, on_progress=on_progress):
                journal.add((todo[i], _choice_row(samples[todo[i]], i, j, choice)) for i, j in choice.judgements)
                judgements += [judgement for _, judgement in choice.judgements]
        seconds = perf_counter() - started
    return judgements, seconds


def _choice_row(sample: Sample, position: int, judgement: Judgement, choice: Choice) -> dict[str, Any]:
    """Return the result row of a sample, with whether it is the chosen one, and its place in the ranking from 1."""
    place = choice.ranking.index(position) + 1
    return {**result_row(sample, judgement), "chosen": position == choice.position, "rank": place}


def _print_choices(console: Console, journal: Journal) -> None:
    chosen = [row for row in journal.rows.values() if row["chosen"]]
    certified = sum(row["passed"] for row in chosen)
    console.print(
        f"{len(chosen):,} problems have a choice (`chosen` in the results); {certified:,} of these pass every test"
    )


@contextmanager
def hint_at_resume() -> Iterator[None]:
    """Say, when a run is interrupted, how it goes on."""
    try:
        yield
    except (KeyboardInterrupt, InfraError, InputError) as error:
        what = "interrupted" if isinstance(error, KeyboardInterrupt) else "ended early"
        print(f"{what}; the same command with --resume goes on from here", file=sys.stderr)
        raise


def _fingerprint(samples: Path, problems: str, *settings: object) -> str:
    """Return a digest of what the results depend on."""
    digest = hashlib.sha256(repr((__version__, *settings)).encode())
    for path in (samples, Path(problems)):
        digest.update(path.read_bytes() if path.is_file() else str(path).encode())
    return digest.hexdigest()
