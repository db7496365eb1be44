"""`staged-reward best-of-n`: problems in, one program each out, sampled from a model and verified on the way."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from staged_reward import __version__
from staged_reward.best_of_n import Answer, BestOfN, saved_frac
from staged_reward.cli.verify import hint_at_resume
from staged_reward.datasets import load_problems, problem_from_row
from staged_reward.errors import InputError
from staged_reward.generation.generator import Sampling
from staged_reward.generation.kinds import make_generator
from staged_reward.journal import Journal
from staged_reward.limits import Limits
from staged_reward.problem import Problem
from staged_reward.prompting import Style, prompt_of, read_solved
from staged_reward.rows import read_rows
from staged_reward.verifier import StagedVerifier

Rows = Sequence[tuple[Problem, dict[str, Any] | None]]


def best_of_n(
    problems: Annotated[
        str, typer.Argument(help="JSONL(.gz) in any known schema, a name such as 'humaneval', or - for standard input.")
    ],
    engine: Annotated[str, typer.Option(help="vllm or transformers in this process, or server.")] = "vllm",
    model: Annotated[str | None, typer.Option(help="Folder or hub name; of a server: what it calls it.")] = None,
    url: Annotated[str | None, typer.Option(help="Of a server that speaks OpenAI's protocol, with /v1.")] = None,
    n: Annotated[int, typer.Option("--n", "-n", help="Samples per problem.")] = 16,
    strategy: Annotated[
        str | None,
        typer.Option(help="certified, majority, orm, tests, …; default certified where there are tests."),
    ] = None,
    task_id: Annotated[str | None, typer.Option(help="Answer this problem alone.")] = None,
    output: Annotated[Path | None, typer.Option(help="Gets a row per problem, as EvalPlus reads them.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was interrupted.")] = False,
    orm: Annotated[str | None, typer.Option(help="Reward model: path, hub name, or 'default'.")] = None,
    filters: Annotated[
        str, typer.Option(help="For strategies other than certified; tests=N lets the choice see N tests.")
    ] = "syntax,lint",
    risk: Annotated[float, typer.Option(help="With orm: stop when the best changes with less than this chance.")] = 0.0,
    temperature: float = Sampling().temperature,
    top_p: float = Sampling().top_p,
    max_tokens: int = Sampling().max_tokens,
    stop: Annotated[list[str] | None, typer.Option(help="Ends a sample; may be given several times.")] = None,
    seed: int = 0,
    style: Annotated[str, typer.Option(help="auto, chat or plain: what the model is shown.")] = "auto",
    solved: Annotated[Path | None, typer.Option(help="JSONL of examples shown before: prompt, answer.")] = None,
    at_once: Annotated[int, typer.Option(help="Problems worked on at the same time.")] = 8,
    samples_at_once: Annotated[int, typer.Option(help="Samples of a problem under way at the same time.")] = 16,
    engine_setting: Annotated[list[str] | None, typer.Option(help="KEY=VALUE, such as max_model_len=4096.")] = None,
    workers: Annotated[int | None, typer.Option(help="Of the verifier; default one per core.")] = None,
    cpu_seconds: Annotated[float, typer.Option(help="CPU limit of a program.")] = Limits().cpu_seconds,
    memory_mib: Annotated[int, typer.Option(help="Memory limit of a program.")] = Limits().memory_mib,
    require_isolation: Annotated[
        str, typer.Option(help="Refuse to run programs with less: none, confined, contained, full (see doctor).")
    ] = "confined",
) -> None:
    """Sample programs from a model, verify them as they arrive, and answer with the best."""
    inputs = [path for path in (Path(problems), solved) if path is not None]
    if output is not None and output.exists() and any(path.exists() and output.samefile(path) for path in inputs):
        raise InputError(f"--output {output} is also an input; choose another file")
    rows = _read(problems, task_id)
    sampling = Sampling(
        temperature=temperature, top_p=top_p, max_tokens=max_tokens, stop=tuple(stop) if stop else None, seed=seed
    )
    words = [word for word in filters.split(",") if word.strip()]
    examples = read_solved(solved) if solved is not None else ()
    generator = make_generator(engine, model, url, at_once=samples_at_once, settings=engine_setting or ())
    limits = Limits(cpu_seconds=cpu_seconds, memory_mib=memory_mib)
    settings = (__version__, model, url, n, strategy, orm, words, risk, sampling, style, examples, limits)
    shown: Style = style  # type: ignore[assignment]  # checked where prompts are made
    prompts = [prompt_of(problem, shown, row=row, solved=examples) for problem, row in rows]
    try:
        with (
            StagedVerifier(words, orm, workers=workers, limits=limits, require_isolation=require_isolation) as verifier,
            BestOfN(generator, verifier, n, strategy=strategy, sampling=sampling, risk=risk, seed=seed) as solver,
        ):
            if verifier.scorer is not None:
                verifier.scorer.score([""], [""])  # load it: a wrong path is found before anything is sampled
            if output is None:
                if len(rows) != 1:
                    raise InputError(
                        f"{len(rows)} problems: give --output FILE for their answers, or --task-id for one"
                    )
                answer = solver.solve(rows[0][0], prompt=prompts[0])
                print(answer.program or "", end="")
                _summary([answer_row(answer)], Console(stderr=True))
                return
            fingerprint = hashlib.sha256(repr((settings, [problem for problem, _ in rows])).encode()).hexdigest()
            with Journal(output, fingerprint, resume=resume) as journal, hint_at_resume():
                todo = [place for place in range(len(rows)) if place not in journal.rows]
                skipped = _answer_all(solver, rows, prompts, todo, at_once, journal)
                if skipped:
                    named = "; ".join(str(error) for _, error in skipped[:3])
                    raise InputError(f"{len(skipped)} of {len(rows)} problems have no answer: {named}")
                journal.finish()
            _summary([journal.rows[place] for place in sorted(journal.rows)], Console())
            Console().print(f"{len(rows):,} answers in {output}")
    finally:
        generator.close()


def _answer_all(
    solver: BestOfN, rows: Rows, prompts: Sequence[Any], todo: Sequence[int], at_once: int, journal: Journal
) -> list[tuple[str, InputError]]:
    """Answer what is to be done, and return what could not be answered."""
    places = {rows[place][0].task_id: place for place in todo}
    columns = (TextColumn("answering"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("answering", total=len(rows), completed=len(rows) - len(todo))
        skipped: list[tuple[str, InputError]] = []
        with closing(
            solver.solve_all(
                [rows[place][0] for place in todo],
                prompts=[prompts[place] for place in todo],
                at_once=at_once,
                skipped=skipped,
            )
        ) as answers:
            for answer in answers:
                journal.add([(places[answer.task_id], answer_row(answer))])
                progress.advance(bar)
    return skipped


def answer_row(answer: Answer) -> dict[str, Any]:
    """Return the row of an answer: `task_id` and `solution`, as EvalPlus reads them, and what is known of it beside."""
    return {
        "task_id": answer.task_id,
        "solution": answer.program or "",
        "certified": answer.certificate is not None,
        "num_tests": None if answer.certificate is None else answer.certificate.num_tests,
        "sample": answer.index,
        "score": answer.score,
        "strategy": answer.strategy,
        "is_complete": answer.is_complete,
        **asdict(answer.costs),
    }


def _summary(rows: Sequence[dict[str, Any]] | Sequence[Any], console: Console) -> None:
    tokens, for_all = sum(row["num_tokens"] for row in rows), sum(row["num_tokens_for_all"] for row in rows)
    certified, partial = sum(row["certified"] for row in rows), sum(not row["is_complete"] for row in rows)
    console.print(
        f"{len(rows):,} problem(s): {certified:,} certified, {sum(bool(row['solution']) for row in rows):,} answered; "
        f"{tokens:,} tokens of about {for_all:,} for all samples ({saved_frac(tokens, for_all):.0%} saved), "
        f"{sum(row['cpu_seconds'] for row in rows):.1f} CPU seconds of verification"
    )
    if partial:
        console.print(f"{partial:,} problem(s) got fewer samples than asked for: `is_complete` is false")
    if num_faults := sum(row["num_faults"] for row in rows):
        console.print(f"{num_faults:,} program(s) could not be judged for a fault of the verifier; see `doctor`")


def _read(source: str, task_id: str | None) -> Rows:
    rows: Rows = [(_from_text(sys.stdin.read()), None)] if source == "-" else _from_file(source)
    if task_id is not None:
        rows = [pair for pair in rows if pair[0].task_id == task_id]
        if not rows:
            raise InputError(f"{source} has no problem {task_id!r}")
    return rows


def _from_file(source: str) -> Rows:
    loaded = load_problems(source)
    if not Path(source).is_file():
        return [(problem, None) for problem in loaded]
    return list(zip(loaded, (row.data for row in read_rows(source)), strict=True))


def _from_text(text: str) -> Problem:
    """Return the problem that standard input holds: a row as JSON, or a text that asks for a program."""
    if text.lstrip().startswith("{") and len(text.strip().splitlines()) > 1 and _is_json(text.strip().splitlines()[0]):
        raise InputError("standard input holds several rows; give one, or the name of a file with --output")
    if not text.strip():
        raise InputError("standard input is empty; give a problem's row as JSON, or a text that asks for a program")
    try:
        row = json.loads(text)
    except json.JSONDecodeError:
        return Problem(task_id="stdin", prompt=text)
    if not isinstance(row, dict):
        raise InputError("standard input is JSON, but no object; give a problem's row, or a text that is no JSON")
    return problem_from_row(row)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except json.JSONDecodeError:
        return False
    return True
