"""Results of trials as people read them: a table per category, and one line per finding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from staged_reward.attack.runner import FindingKind, TrialResult
from staged_reward.attack.trial import CATEGORIES, HONEST

COLUMNS = {
    FindingKind.SCORED: "scored",
    FindingKind.HARM: "harm",
    FindingKind.INFRA_ERROR: "infra",
    FindingKind.PAIR_FAILED: "pair",
    FindingKind.LATE: "late",
    FindingKind.HONEST_FAILED: "failed",
}
MAX_TEXT_CHARS = 160


def table_of(results: Sequence[TrialResult]) -> Table:
    """Return the table: how many programs were tried, how many times the sandbox held, and what was found where not."""
    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    table.add_column("category", no_wrap=True)
    for name in ("tried", "held", *COLUMNS.values(), "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    for category in (*CATEGORIES, HONEST):
        chosen = [result for result in results if result.trial.category == category]
        if chosen:
            table.add_row(category, *_cells(chosen))
    table.add_row("all", *_cells(results), style="bold")
    return table


def _cells(results: Sequence[TrialResult]) -> Iterator[str]:
    counts = Counter(kind for result in results for kind in {finding.kind for finding in result.findings})
    yield str(len(results))
    yield str(sum(not result.findings for result in results))
    for kind in COLUMNS:
        yield str(counts[kind] or "-")
    yield f"{sum(result.seconds for result in results):.1f}"


def lines_of(results: Sequence[TrialResult]) -> Iterator[str]:
    """Yield one line per finding."""
    for result in results:
        for finding in result.findings:
            text = " ".join(finding.text.split())
            text = text if len(text) <= MAX_TEXT_CHARS else f"{text[: MAX_TEXT_CHARS - 3]}..."
            yield f"{result.trial.category}/{result.trial.name}: {finding.kind}: {text} ({result.trial.why})"


def has_held(results: Sequence[TrialResult]) -> bool:
    """Tell whether nothing was found."""
    return not any(result.findings for result in results)
