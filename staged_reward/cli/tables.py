"""How the command line shows a verification: a table of its stages, and a bar of where the time went."""

from __future__ import annotations

from collections.abc import Sequence

from rich.bar import Bar
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from staged_reward.summary import StageSummary

BAR_WIDTH = 30


def stage_table(summaries: Sequence[StageSummary]) -> Table:
    """Return the table of stages: in, kept, how many distinct programs ran, cost, rate, and why the others stopped."""
    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    table.add_column("stage")
    for name in ("in", "kept", "run", "seconds", "CPU s", "programs/s"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("stopped")
    for summary in summaries:
        table.add_row(
            summary.stage,
            f"{summary.num_in:,}",
            f"{summary.num_kept:,}",
            f"{summary.num_run:,}",
            f"{summary.seconds:.2f}",
            f"{summary.cpu_seconds:.2f}",
            f"{summary.num_in / summary.seconds:,.0f}" if summary.seconds else "-",
            _stopped(summary),
        )
    return table


def _stopped(summary: StageSummary) -> str:
    lines = [f"{count:,} {verdict}" for verdict, count in summary.verdicts.most_common()]
    if summary.num_budget_timeouts:
        lines.append(f"({summary.num_budget_timeouts:,} at a budget)")
    return "\n".join(lines) or "-"


def time_table(summaries: Sequence[StageSummary]) -> Table:
    """Return where the time went, as bars: each stage's share of the seconds spent in all of them."""
    total = sum(summary.seconds for summary in summaries) or 1.0
    table = Table.grid(padding=(0, 1))
    for summary in summaries:
        share = summary.seconds / total
        table.add_row(summary.stage, Bar(1.0, 0.0, share, width=BAR_WIDTH), f"{share:6.1%}")
    return table


def print_totals(console: Console, num_programs: int, num_passed: int, seconds: float, workers: int) -> None:
    """Print the line below the table. The seconds are those of verification, without the reading of files."""
    console.print(
        f"{num_programs:,} programs, {num_passed:,} passed, {seconds:.2f} s on {workers} workers: "
        f"[bold]{num_programs / seconds:,.0f} programs per second[/bold]"
    )
