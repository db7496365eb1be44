"""The study as one HTML file that needs nothing else: pictures are inline, the table sorts by a click."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import jinja2
from matplotlib.figure import Figure

from staged_reward.pareto.interval import Estimate
from staged_reward.pareto.ranks import Enrichment, RemovedRanks
from staged_reward.pareto.row import Row
from staged_reward.pareto.tables import filter_name, percent, ranker_name, rate, times, yardstick


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture with its words.

    Attributes:
        name: Of the file.
        title: Above it.
        caption: Below it, for those too who cannot see it.
        figure: The picture.
    """

    name: str
    title: str
    caption: str
    figure: Figure


def html(
    *,
    title: str,
    about: str,
    command: str,
    method: str,
    rows: Sequence[Row],
    sizes: Sequence[int],
    pictures: Sequence[Picture],
    ranks: Mapping[str, Sequence[RemovedRanks]],
    patterns: Mapping[str, Sequence[Enrichment]],
) -> str:
    """Return the report.

    Args:
        title: Its first line.
        about: The data, in one sentence.
        command: What was run.
        method: How it was measured, in a few sentences.
        rows: Of the table, in its order.
        sizes: The n of Best-of-n.
        pictures: In order.
        ranks: By name of a reward model: where removed programs stood.
        patterns: By name of a reward model: what is wrong with those that it ranked high.
    """
    environment = jinja2.Environment(loader=jinja2.PackageLoader(__package__, ""), autoescape=True, trim_blocks=True)
    base = yardstick(rows)
    return environment.get_template("report.html.j2").render(
        title=title,
        about=about,
        command=command,
        method=method,
        cards=_cards(rows, max(sizes), base),
        sizes=list(sizes),
        base=None if base is None else base.name,
        rows=[_row(row, sizes, base) for row in rows],
        pictures=[{"title": p.title, "caption": p.caption, "svg": _inline(p.figure, p.name)} for p in pictures],
        parts=[*_rank_parts(ranks), *_pattern_parts(patterns)],
    )


def _inline(figure: Figure, name: str) -> str:
    """Return the SVG element; its ids carry the picture's name, for a page holds several pictures."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', svg)
    svg = re.sub(r'href="#([^"]+)"', rf'href="#{name}-\1"', svg)
    return re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", svg)


def _cards(rows: Sequence[Row], n: int, base: Row | None) -> list[dict[str, str]]:
    """Return what to remember: what the full suite reaches, and the fastest rows that lose nothing, or little."""
    if base is None:
        return []
    full = rows[0].best_of[n].mean + rows[0].lost[n].mean
    cards = [
        {"figure": f"{100 * full:.1f} %", "words": f"of problems are solved by the best of {n}, chosen by all tests"}
    ]
    for most, words in ((0.0, "nothing lost"), (0.08, "at most 8 % lost")):
        fine = [row for row in rows if row.best_of[n].mean >= full * (1 - most) - 1e-9]
        best = max(fine, key=lambda row: row.programs_per_second.mean)
        ratio = best.programs_per_second.mean / base.programs_per_second.mean
        cards.append({"figure": f"{ratio:.1f} ×", "words": f"the throughput of “{base.name}”, {words}: {best.name}"})
    return cards


def _cell(estimate: Estimate) -> dict[str, Any]:
    interval = f"[{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"
    return {"value": estimate.mean, "mean": f"{100 * estimate.mean:.1f}", "interval": interval}


def _optional(value: float | None, text: str) -> dict[str, Any]:
    return {"value": -1 if value is None else value, "text": "-" if value is None else text.format(value)}


def _row(row: Row, sizes: Sequence[int], base: Row | None) -> dict[str, Any]:
    ratio = 0.0 if base is None else row.programs_per_second.mean / base.programs_per_second.mean
    ranking = {name: row.ranking[name].mean if name in row.ranking else None for name in ("mrr", "ndcg")}
    return {
        "filter": filter_name(row.filter),
        "ranker": ranker_name(row),
        "best_of": [_cell(row.best_of[n]) for n in sizes],
        "lost": _cell(row.lost[max(sizes)]),
        "speed": {"value": row.programs_per_second.mean, "text": rate(row.programs_per_second)},
        "num_trials": len(row.seconds),
        "ratio": {"value": ratio, "text": f"{ratio:.2f}"},
        "is_optimal": row.is_optimal,
        "rest": [
            _optional(fmean(row.dollars.values()), "{:.4f}"),
            _optional(None if row.kept_frac is None else 100 * row.kept_frac, "{:.1f}"),
            _optional(None if row.false_positive_frac is None else 100 * row.false_positive_frac, "{:.1f}"),
            _optional(ranking["mrr"], "{:.3f}"),
            _optional(ranking["ndcg"], "{:.3f}"),
        ],
    }


def _rank_parts(ranks: Mapping[str, Sequence[RemovedRanks]]) -> list[dict[str, Any]]:
    columns = ["filter", "removed per problem", "mean rank", "best", "best five", "% removed", "% left empty", "spread"]
    return [
        {
            "title": f"What filters remove, in the ranking of {orm}",
            "words": "Ranks count from 1, the best, among the problem's candidates. A filter helps most where what it "
            "removes had been ranked high.",
            "columns": columns,
            "rows": [
                [
                    filter_name(row.filter),
                    *(f"{value:.1f}" for value in (row.mean_removed, row.mean_rank, row.best_rank, row.best_five_rank)),
                    *(f"{value:.1f}" for value in (100 * row.removed_frac, 100 * row.all_removed_frac, row.spread)),
                ]
                for row in found
            ],
        }
        for orm, found in ranks.items()
    ]


def _pattern_parts(patterns: Mapping[str, Sequence[Enrichment]]) -> list[dict[str, Any]]:
    columns = [
        "pattern",
        "in all, %",
        "in its top 16, %",
        "in overrated, %",
        "in correct, %",
        "enrichment",
        "difference",
    ]
    return [
        {
            "title": f"Bugs that {orm} does not see",
            "words": "Ways of writing, counted in distinct programs. Overrated are those that it ranked in its top 16 and "
            "that fail one of the first tests; enrichment is their share over that of correct programs. Hard problems have "
            "more of the first and easy ones more of the second, so the last column compares within problems: the mean "
            "difference of the shares in points, with its 95 % interval over problems.",
            "columns": columns,
            "rows": [
                [
                    row.pattern,
                    f"{100 * row.in_pool:.1f}",
                    f"{100 * row.in_top:.1f}",
                    f"{100 * row.in_overrated:.1f} ({row.num_overrated})",
                    f"{100 * row.in_correct:.1f} ({row.num_correct})",
                    times(row.ratio),
                    percent(row.difference),
                ]
                for row in found
            ],
        }
        for orm, found in patterns.items()
    ]
