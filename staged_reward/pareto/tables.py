"""A study as JSON, CSV and Markdown."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from staged_reward.pareto.interval import Estimate
from staged_reward.pareto.ranks import Enrichment, RemovedRanks
from staged_reward.pareto.row import Row

FILTER_NAMES = {"none": "-", "syntax": "Syntax", "lint": "Lint"}


def yardstick(rows: Sequence[Row]) -> Row | None:
    """Return the row that others are compared with: a process per program, else the full suite; None without either."""
    full = [row for row in rows if row.ranker == "full" and row.filter == "none" and row.order == "given"]
    return next((row for row in full if row.kind == "processes"), full[0] if full else None)


def markdown(rows: Sequence[Row], n: int) -> str:
    """Return the table in the shape of Table 1 of Orlanski et al.: filter, ranker, Best-of-n, PPS; and ratios."""
    base = yardstick(rows)
    times = "" if base is None else f" × {base.name} |"
    lines = [
        f"| Filter | Ranker | Bo{n}, % | lost, points | PPS | trials |{times} |",
        "|---|---|---|---|---|---|" + ("---|" if base else "") + "---|",
    ]
    for row in rows:
        ratio = "" if base is None else f" {row.programs_per_second.mean / base.programs_per_second.mean:.2f} |"
        lines.append(
            f"| {filter_name(row.filter)} | {ranker_name(row)} | {percent(row.best_of[n])} | {percent(row.lost[n])} "
            f"| {rate(row.programs_per_second)} | {len(row.seconds)} |{ratio} {'optimal' if row.is_optimal else ''} |"
        )
    return "\n".join(lines) + "\n"


def filter_name(word: str) -> str:
    """Return a filter as a table shows it."""
    if word.startswith("tests"):
        count, _, seed = word.removeprefix("tests").lstrip("<=").partition("@")
        return f"{count} test{'' if count == '1' else 's'}" + (f", subset {seed}" if seed else "")
    return FILTER_NAMES.get(word, word)


def ranker_name(row: Row) -> str:
    """Return a ranker as a table shows it."""
    return row.name.removeprefix(f"{row.filter} + ")


def percent(estimate: Estimate) -> str:
    """Return `12.3 [10.1, 14.5]`."""
    return f"{100 * estimate.mean:.1f} [{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"


def rate(estimate: Estimate) -> str:
    """Return programs per second with the half-width of their interval, where there is one."""
    half = estimate.high - estimate.mean
    digits = 0 if estimate.mean >= 100 else 1
    return f"{estimate.mean:,.{digits}f}" + (f" ± {half:,.{digits}f}" if half == half else "")


def csv_text(rows: Sequence[Row]) -> str:
    """Return one line per row, one column per number; intervals in columns of their own."""
    flat = [_flat(row) for row in rows]
    columns = list(dict.fromkeys(name for row in flat for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return text.getvalue()


def _flat(row: Row) -> dict[str, Any]:
    found: dict[str, Any] = {
        "filter": row.filter,
        "ranker": row.ranker,
        "orm": row.orm or "",
        "kind": row.kind,
        "order": row.order,
    }
    for n, estimate in row.best_of.items():
        found |= _columns(f"bo{n}", estimate) | _columns(f"bo{n}_lost", row.lost[n])
    for name, estimate in row.ranking.items():
        found |= _columns(name, estimate)
    found |= _columns("programs_per_second", row.programs_per_second)
    found["num_trials"] = len(row.seconds)
    found["distinct_per_second"] = row.distinct_per_second
    for name in ("kept_frac", "false_positive_frac", "false_negative_frac", "num_run"):
        found[name] = "" if getattr(row, name) is None else getattr(row, name)
    found |= {f"dollars_{provider}": price for provider, price in row.dollars.items()}
    found["is_optimal"] = row.is_optimal
    return found


def _columns(name: str, estimate: Estimate) -> dict[str, float]:
    return {name: estimate.mean, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


def json_rows(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the rows as JSON can hold them."""
    return [asdict(row) | {"name": row.name} for row in rows]


def json_text(value: Any) -> str:
    """Return JSON; what is no finite number is null."""
    return json.dumps(_finite(value), indent=1, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def ranks_markdown(found: Sequence[RemovedRanks]) -> str:
    """Return where removed programs stood, with the columns of Table 9 of Orlanski et al."""
    return _table(
        ["Filter", "# Rem", "Avg. Rank", "M1 Rank", "M5 Rank", "% Removed", "% Prob", "Spread"],
        [
            [
                filter_name(row.filter),
                *(f"{value:.2f}" for value in (row.mean_removed, row.mean_rank, row.best_rank, row.best_five_rank)),
                *(f"{value:.2f}" for value in (100 * row.removed_frac, 100 * row.all_removed_frac, row.spread)),
            ]
            for row in found
        ],
    )


def enrichment_markdown(found: Sequence[Enrichment]) -> str:
    """Return the patterns, those first that are more frequent in overrated programs than in correct ones."""
    return _table(
        ["Pattern", "Freq", "Top-16", "overrated", "correct", "enrichment", "difference within problems"],
        [
            [
                row.pattern,
                f"{row.in_pool:.1%}",
                f"{row.in_top:.1%}",
                f"{row.in_overrated:.1%} ({row.num_overrated})",
                f"{row.in_correct:.1%} ({row.num_correct})",
                times(row.ratio),
                percent(row.difference),
            ]
            for row in found
        ],
    )


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def times(ratio: float) -> str:
    """Return a ratio; `-` where there is none."""
    return f"{ratio:.2f} ×" if math.isfinite(ratio) else "-"
