"""`staged-reward pareto`: samples in; a table, pictures and a report of accuracy against throughput out."""

from __future__ import annotations

import hashlib
import itertools
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from staged_reward import __version__
from staged_reward.datasets import load_problems
from staged_reward.errors import InfraError, InputError
from staged_reward.filters import parse_filters
from staged_reward.journal import Journal
from staged_reward.limits import Limits
from staged_reward.pool import default_num_workers
from staged_reward.samples import Sample, read_samples
from staged_reward.selection.strategy import parse_strategy
from staged_reward.verifier import StagedVerifier

if TYPE_CHECKING:
    from staged_reward.pareto.recipe import Recipe
    from staged_reward.pareto.trial import Settings
    from staged_reward.scoring import Scorer

DEFAULT_FILTERS = "none,syntax,lint,tests<=1,tests<=3,tests<=10,tests<=3@1,tests<=3@2,tests<=3@3"
DEFAULT_STRATEGIES = "certified,budget=0.1,budget=0.5"


def pareto(
    samples: Annotated[Path, typer.Argument(help="JSONL(.gz): task_id and solution (or completion) per row.")],
    problems: Annotated[str, typer.Option(help="JSONL(.gz) in any known schema, or a name such as 'humaneval'.")],
    output: Annotated[Path, typer.Option(help="Folder for table, pictures and report.")],
    labels: Annotated[
        Path | None,
        typer.Option(help="Results of `verify --full` for SAMPLES; without them, the full suite runs first."),
    ] = None,
    orm: Annotated[
        list[str] | None,
        typer.Option(help="Reward model: 'default', a path, or NAME=PATH[,PATH…] for several seeds. May be repeated."),
    ] = None,
    orm_dtype: Annotated[
        str | None, typer.Option(help="Of the reward models' weights, e.g. bfloat16; default: see OrmScorer.")
    ] = None,
    cascade: Annotated[
        list[str] | None, typer.Option(help="SMALL,LARGE@TOP: names of --orm; the large one sees the small one's top.")
    ] = None,
    filters: Annotated[str, typer.Option(help="Comma-separated, each alone; 'none' for no filter.")] = DEFAULT_FILTERS,
    orm_filters: Annotated[
        str | None, typer.Option(help="Those filters that reward models are combined with; default all.")
    ] = None,
    strategies: Annotated[str, typer.Option(help="Comma-separated; empty for none.")] = DEFAULT_STRATEGIES,
    trials: Annotated[int, typer.Option(help="Timed runs of each row.")] = 5,
    row_seconds: Annotated[
        float, typer.Option(help="A row whose runs took that long in total gets no more of them, but always one.")
    ] = float("inf"),
    processes: Annotated[
        bool,
        typer.Option(
            "--processes", help="Also time one Python process per program. It runs them with your rights, no sandbox."
        ),
    ] = False,
    probe: Annotated[bool, typer.Option(help="Also run subsets of 1 to 10 tests, for their false positives.")] = True,
    keep_timeouts: Annotated[
        bool,
        typer.Option("--keep-timeouts", help="Test filters keep what runs out of time (the reference code's way)."),
    ] = False,
    prices: Annotated[Path | None, typer.Option(help="YAML of providers' prices; default: those of the paper.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes; default one per core.")] = None,
    time_limit: Annotated[
        str, typer.Option(help="siblings (a budget from the problem's programs) or exact.")
    ] = "siblings",
    cpu_seconds: Annotated[float, typer.Option(help="CPU limit of a program.")] = Limits().cpu_seconds,
    require_isolation: Annotated[str, typer.Option(help="As in `verify`.")] = "confined",
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a run that was killed, or draw a finished one again.")
    ] = False,
) -> None:
    """Measure accuracy against throughput of filters, rankers and strategies, and draw the frontier."""
    from staged_reward.pareto.output import Study, write_all
    from staged_reward.pareto.recipe import grid, probes
    from staged_reward.pareto.study import Candidates, best_of_sizes, measure
    from staged_reward.pareto.trial import Settings, Trials
    from staged_reward.prices import read_prices

    console = Console()
    if trials < 1:
        raise InputError(f"--trials {trials}; give a number from 1")
    settings = Settings(
        workers, time_limit, Limits(cpu_seconds=cpu_seconds), require_isolation, keep_timeouts  # type: ignore[arg-type]
    )
    price_table = read_prices(prices)
    scorers = _scorers(orm or [], cascade or [], orm_dtype)
    if (most := max((len(seeds) for seeds in scorers.values()), default=1)) > trials:
        raise InputError(f"--trials {trials}, but a reward model has {most} seeds; give at least one trial for each")
    words = _words(filters)
    parse_each(words, strategies)
    chosen = None if orm_filters is None else _words(orm_filters)
    if unknown := [word for word in chosen or () if word not in words]:
        raise InputError(f"--orm-filters has {unknown[0]!r}, which is not among --filters {filters}; add it there")
    if keep_timeouts and cascade:
        raise InputError("--keep-timeouts does not go with --cascade, whose scores hold among programs scored together")
    loaded = load_problems(problems)
    rows = read_samples(samples, loaded)
    recipes = grid(
        words,
        list(scorers),
        _words(strategies),
        orm_filters=chosen,
        processes=processes,
    )
    if probe:
        recipes += probes()
    sizes = best_of_sizes(rows)
    for recipe in recipes:  # what cannot be verified is found before anything runs
        with StagedVerifier(recipe.filters, full=True, time_limit=time_limit) as verifier:  # type: ignore[arg-type]
            for problem in {id(row.problem): row.problem for row in rows}.values():
                verifier.check_problem(problem)
    for seeds in scorers.values():
        for scorer in seeds:
            scorer.score([""], [""])
    try:
        output.mkdir(parents=True, exist_ok=True)
        (output / "trials.jsonl").open("a").close()
    except OSError as error:
        raise InputError(f"cannot write to {output}: {error.strerror}; choose another --output") from error
    passed = _labels(labels, rows, settings, output, console, resume=resume)
    fingerprint = _fingerprint([samples, Path(problems)], passed, recipes, scorers, settings)
    runner = Trials(rows, passed, scorers, settings, sizes)
    path = output / "trials.jsonl"  # stays: with --resume, a finished run is drawn again
    with Journal(path, fingerprint, resume=resume, partial=path) as journal, _progress() as progress:
        total = sum(1 if recipe.is_probe else trials for recipe in recipes)
        bar = progress.add_task("", total=total)

        def on_trial(recipe: Recipe, number: int, num_done: int) -> None:
            progress.update(bar, description=f"trial {number + 1}: {recipe.key}", completed=num_done)

        measured = measure(recipes, trials, runner, journal, on_trial, row_seconds)
    study = Study(
        candidates=Candidates(rows, passed),
        measured=measured,
        sizes=sizes,
        prices=price_table,
        num_workers=workers or default_num_workers(),
        num_trials=trials,
        settings=settings,
        on_gpu={name: _is_on_gpu(seeds[0]) for name, seeds in scorers.items()},
        data=f"{samples.name}, {Path(problems).name}",
        command=shlex.join(["staged-reward", *sys.argv[1:]]),
    )
    write_all(study, output, console)


def parse_each(filters: Sequence[str], strategies: str) -> None:
    """Refuse words that mean nothing, before anything runs."""
    for word in filters:
        if word != "none":
            parse_filters([word])
    for word in _words(strategies):
        parse_strategy(word)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


def _scorers(orms: Sequence[str], cascades: Sequence[str], dtype: str | None) -> dict[str, list[Scorer]]:
    """Return the reward models by the names that the table shows."""
    from staged_reward.orm.cascade import CascadeScorer
    from staged_reward.orm.scorer import OrmScorer

    found: dict[str, list[Scorer]] = {}
    for word in orms:
        name, equals, paths = word.partition("=")
        name = name if equals else Path(word).name
        if name in found:
            raise InputError(f"--orm {word}: the name {name!r} is taken; give another, as in NAME={word}")
        found[name] = [  # no trial profits from what the one before has computed
            OrmScorer(path, dtype=dtype, prefix_cache_mib=0) for path in (paths if equals else word).split(",")
        ]
    for word in cascades:
        pair, at, top = word.partition("@")
        small, comma, large = pair.partition(",")
        if not (at and comma and top.isdigit() and small in found and large in found):
            raise InputError(f"--cascade {word}; give two names of --orm and a number, as in default,large@16")
        if word in found:
            raise InputError(f"--cascade {word} is there twice; leave one out")
        num = max(len(found[small]), len(found[large]))
        if {len(found[small]), len(found[large])} - {1, num}:
            raise InputError(
                f"--cascade {word}: {len(found[small])} and {len(found[large])} seeds; give as many, or one"
            )
        pairs = zip(itertools.cycle(found[small]), itertools.cycle(found[large]), strict=False)
        found[word] = [CascadeScorer(*pair, top=int(top)) for pair in itertools.islice(pairs, num)]
    return found


def _is_on_gpu(scorer: object) -> bool:
    from staged_reward.orm.cascade import CascadeScorer
    from staged_reward.orm.scorer import OrmScorer

    if isinstance(scorer, CascadeScorer):
        return _is_on_gpu(scorer.large)
    return isinstance(scorer, OrmScorer) and scorer.is_on_gpu()


def _labels(
    path: Path | None, samples: Sequence[Sample], settings: Settings, output: Path, console: Console, *, resume: bool
) -> list[bool]:
    """Return whether each sample passes: as a file says, or as the full suite does under the exact limits."""
    from staged_reward.orm.groups import read_outcomes

    own = output / "labels.jsonl"
    if path is None and resume and own.exists():
        path = own
    if path is not None:
        outcomes = read_outcomes(path, samples)
    else:
        console.print("no --labels: running the full suite on every sample first")
        with StagedVerifier(
            (),
            full=True,
            workers=settings.workers,
            limits=settings.limits,
            time_limit="exact",
            require_isolation=settings.require_isolation,
        ) as verifier:
            judgements = verifier.verify([s.problem for s in samples], [s.program for s in samples])
        outcomes = [None if judgement.reward is None else judgement.passed for judgement in judgements]
        rows = (
            {"task_id": s.task_id, "label": "pass" if ok else "fail"} for s, ok in zip(samples, outcomes, strict=True)
        )
        own.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    _refuse_faults(outcomes)
    return [bool(outcome) for outcome in outcomes]


def _refuse_faults(outcomes: Sequence[bool | None]) -> None:
    if num_faults := outcomes.count(None):
        raise InfraError(f"{num_faults:,} samples have no label for a fault of the verifier; verify them again")


def _fingerprint(
    paths: Sequence[Path],
    passed: Sequence[bool],
    recipes: Sequence[Recipe],
    scorers: dict[str, list[Scorer]],
    settings: Settings,
) -> str:
    """Return a digest of what the trials depend on; how many there are may change."""
    models = {
        name: [(getattr(s, "model", ""), getattr(s, "dtype", "")) for s in seeds] for name, seeds in scorers.items()
    }
    digest = hashlib.sha256(repr((__version__, passed, recipes, models, settings)).encode())
    for path in paths:
        digest.update(path.read_bytes() if path.is_file() else str(path).encode())
    return digest.hexdigest()
