"""Writes what a study found: `results.json`, `table.csv`, `table.md`, pictures, `report.html`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from staged_reward import __version__
from staged_reward.metrics import unbiased_pass_at_k
from staged_reward.pareto import figures
from staged_reward.pareto.ranks import Enrichment, RemovedRanks, enrichments, removed_ranks
from staged_reward.pareto.report import Picture, html
from staged_reward.pareto.row import Row, false_positives, rows_of
from staged_reward.pareto.study import Candidates, Measured
from staged_reward.pareto.tables import (
    csv_text,
    enrichment_markdown,
    filter_name,
    json_rows,
    json_text,
    markdown,
    ranker_name,
    ranks_markdown,
    yardstick,
)
from staged_reward.pareto.trial import NUM_DRAWS, Settings
from staged_reward.prices import Price

OVERRATED_BY = (
    "tests<=10"  # the filter whose removed programs count as overrated; where it did not run, the last of tests
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """What was measured, of what, and how.

    Attributes:
        candidates: All samples.
        measured: By recipe.
        sizes: The n of Best-of-n.
        prices: Of providers.
        num_workers: Worker processes.
        num_trials: Timed runs of each recipe.
        settings: Of all runs.
        on_gpu: By name of a reward model, whether it ran on one.
        data: The files, in words.
        command: What was run.
    """

    candidates: Candidates
    measured: Sequence[Measured]
    sizes: Sequence[int]
    prices: Sequence[Price]
    num_workers: int
    num_trials: int
    settings: Settings
    on_gpu: Mapping[str, bool]
    data: str
    command: str


def write_all(study: Study, folder: Path, console: Console) -> None:
    """Write every file, and print the table."""
    rows = rows_of(study.measured, study.candidates, study.sizes, study.prices, study.num_workers, study.on_gpu)
    ranks, patterns = _ranks(study), _patterns(study)
    pictures = _pictures(study, rows, ranks)
    for picture in pictures:
        figures.save(picture.figure, folder, picture.name)
    (folder / "results.json").write_text(json_text(_results(study, rows, ranks, patterns)), "utf-8")
    (folder / "table.csv").write_text(csv_text(rows), encoding="utf-8")
    (folder / "table.md").write_text(_markdown(study, rows, ranks, patterns), encoding="utf-8")
    report = html(
        title="Accuracy against throughput",
        about=_about(study),
        command=study.command,
        method=_method(study),
        rows=rows,
        sizes=study.sizes,
        pictures=pictures,
        ranks=ranks,
        patterns=patterns,
    )
    (folder / "report.html").write_text(report, encoding="utf-8")
    console.print(_table(rows, max(study.sizes)))
    console.print(f"report: {folder / 'report.html'}; pictures, table.md, table.csv and results.json lie beside it")


def _about(study: Study) -> str:
    cases = study.candidates.cases()
    solved = sum(any(case.passed) for case in cases)
    passed = study.candidates.passed
    return (
        f"{study.data}: {len(passed):,} samples of {len(cases):,} problems ({study.candidates.num_distinct:,} distinct), "
        f"{sum(passed) / len(passed):.1%} pass all tests, {solved} problems are solved by some sample."
    )


def _method(study: Study) -> str:
    settings = study.settings
    return (
        f"staged-reward {__version__}, {study.num_workers} workers on {os.cpu_count()} cores; time limit "
        f"{settings.time_limit} ({settings.limits.cpu_seconds:g} s of CPU at most); up to {study.num_trials} timed runs of "
        "every row, in turn with all others; seconds are wall time from programs in memory to the ranking, without reading "
        f"files, starting workers and loading models. Strategies were tried on {NUM_DRAWS} draws of n candidates per "
        f"problem, beside the full suite on the same draws, and timed on draws of {max(study.sizes)}."
    )


def _first(study: Study, word: str, orm: str | None) -> Measured | None:
    """Return the runs of a filter alone, or of a filter and a reward model."""
    found = (m for m in study.measured if (m.recipe.filter, m.recipe.orm, m.recipe.mode) == (word, orm, "filter"))
    return next(found, None)


def _filters(study: Study) -> list[str]:
    """Return the filters that ran and can remove something, random subsets aside."""
    alone = (m.recipe for m in study.measured if m.recipe.mode == "filter" and m.recipe.orm is None)
    words = dict.fromkeys(recipe.filter for recipe in alone if not recipe.is_probe)
    return [word for word in words if word != "none" and "@" not in word]


def _orms(study: Study) -> list[str]:
    """Return the reward models that ranked everything."""
    names = dict.fromkeys(m.recipe.orm for m in study.measured if m.recipe.orm is not None)
    return [name for name in names if _first(study, "none", name) is not None]


def _ranks(study: Study) -> dict[str, list[RemovedRanks]]:
    found = {}
    for orm in _orms(study):
        everything = _first(study, "none", orm)
        assert everything is not None
        cases = study.candidates.cases(None, everything.accurate[0]["scores"])
        rows = [(word, _first(study, word, None)) for word in _filters(study)]
        ranks = [
            removed_ranks(word, cases, study.candidates.by_problem(run.accurate[0]["kept"]))
            for word, run in rows
            if run
        ]
        found[orm] = [item for item in ranks if item is not None]
    return found


def _patterns(study: Study) -> dict[str, list[Enrichment]]:
    tests = [word for word in _filters(study) if word.startswith("tests")]
    if not tests:
        return {}
    run = _first(study, OVERRATED_BY if OVERRATED_BY in tests else tests[-1], None)
    assert run is not None
    kept = study.candidates.by_problem(run.accurate[0]["kept"])
    found = {}
    for orm in _orms(study):
        everything = _first(study, "none", orm)
        assert everything is not None
        found[orm] = enrichments(study.candidates.cases(None, everything.accurate[0]["scores"]), kept)
    return found


def _pictures(study: Study, rows: Sequence[Row], ranks: Mapping[str, Sequence[RemovedRanks]]) -> list[Picture]:
    n = max(study.sizes)
    pictures = [
        Picture(
            "frontier",
            "The frontier",
            f"Best of {n} against programs per second. The line joins the rows that no other beats in both; faint bars are "
            "95 % intervals over problems.",
            figures.frontier(rows, n),
        ),
        Picture(
            "dollars",
            "The price",
            f"Best of {n} against dollars per 100,000 programs, mean over {', '.join(p.provider for p in study.prices)}.",
            figures.dollars(rows, n),
        ),
        Picture(
            "stage-times",
            "Where the time goes",
            "Wall time of each stage, summed over workers, per program that went through.",
            figures.stage_times(rows),
        ),
    ]
    first, subsets = _false_positives(study)
    if len(first) > 1:
        caption = (
            f"Of the programs that pass N tests, how many fail another one. {len(subsets)} random subsets; a problem that "
            "has fewer than N tests runs all."
        )
        pictures.append(Picture("false-positives", "What tests miss", caption, figures.false_positives(first, subsets)))
    for number, (orm, found) in enumerate(ranks.items()):
        if found:
            caption = (
                f"Rank that {orm} had given to the programs which each filter removes, as a share of the candidates."
            )
            picture = Picture(
                f"removed-ranks-{number}", f"What filters remove, {orm}", caption, figures.removed_ranks(found, orm)
            )
            pictures.append(picture)
    return pictures


def _false_positives(study: Study) -> tuple[list[tuple[int, float]], list[tuple[int, float]]]:
    """Return (tests, share of wrong programs among those left) of the first N, and of random subsets."""
    shares: dict[str, float] = {}
    for item in study.measured:
        if item.recipe.filter.startswith("tests") and item.recipe.orm is None and item.recipe.mode == "filter":
            share = false_positives(item.accurate[0]["kept"], study.candidates.passed)
            if share is not None:
                shares[item.recipe.filter] = share
    pairs = [
        (word, int(word.removeprefix("tests").lstrip("<=").partition("@")[0]), share) for word, share in shares.items()
    ]
    first = sorted((num, share) for word, num, share in pairs if "@" not in word)
    return first, sorted((num, share) for word, num, share in pairs if "@" in word)


def _results(
    study: Study,
    rows: Sequence[Row],
    ranks: Mapping[str, Sequence[RemovedRanks]],
    patterns: Mapping[str, Sequence[Enrichment]],
) -> dict[str, object]:
    cases = study.candidates.cases()
    return {
        "about": _about(study),
        "method": _method(study),
        "command": study.command,
        "pass_at_k": {
            str(k): fmean(unbiased_pass_at_k(len(case.passed), sum(case.passed), k) for case in cases)
            for k in study.sizes
        },
        "rows": json_rows(rows),
        "removed_ranks": {orm: [asdict(item) | {"shares": None} for item in found] for orm, found in ranks.items()},
        "patterns": {orm: [asdict(item) for item in found] for orm, found in patterns.items()},
        "false_positives": dict(zip(("first", "subsets"), _false_positives(study), strict=True)),
    }


def _markdown(
    study: Study,
    rows: Sequence[Row],
    ranks: Mapping[str, Sequence[RemovedRanks]],
    patterns: Mapping[str, Sequence[Enrichment]],
) -> str:
    parts = [_about(study), _method(study), f"    {study.command}", markdown(rows, max(study.sizes))]
    parts += [f"Removed programs in the ranking of {orm}:\n\n{ranks_markdown(found)}" for orm, found in ranks.items()]
    parts += [f"Patterns that {orm} overrates:\n\n{enrichment_markdown(found)}" for orm, found in patterns.items()]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _table(rows: Sequence[Row], n: int) -> Table:
    base = yardstick(rows)
    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for name in ("filter", "chosen by"):
        table.add_column(name, overflow="fold")
    for name in (f"best of {n}", "programs/s", *([] if base is None else ["times"])):
        table.add_column(name, justify="right", no_wrap=True)
    if base is not None:
        table.caption = f"best of {n} in %; times the throughput of “{base.name}”; bold: no other row beats it in both"
    for row in rows:
        cells = [f"{100 * row.best_of[n].mean:.1f}", f"{row.programs_per_second.mean:,.0f}"]
        if base is not None:
            cells.append(f"{row.programs_per_second.mean / base.programs_per_second.mean:.1f}")
        table.add_row(filter_name(row.filter), ranker_name(row), *cells, style="bold" if row.is_optimal else "")
    return table
