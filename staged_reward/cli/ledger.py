"""`staged-reward ledger`: what verification cost in a training, and what it was worth, drawn without a tracker."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from staged_reward.cli.tables import stage_table
from staged_reward.errors import InputError
from staged_reward.ledger.entry import StageCost
from staged_reward.summary import StageSummary


def ledger(
    run_dir: Annotated[Path, typer.Argument(help="Folder of a training, or of its ledger.")],
    output: Annotated[Path | None, typer.Option(help="Gets the picture; the ledger's folder without it.")] = None,
    window: Annotated[int, typer.Option(min=1, help="Steps that moving estimates look back on.")] = 50,
) -> None:
    """Draw what verification cost against what it was worth, step by step."""
    from staged_reward.ledger.book import FOLDER, LedgerReader

    folder = run_dir / FOLDER if (run_dir / FOLDER).is_dir() else run_dir
    reader = LedgerReader(folder)
    reader.read()
    steps = reader.last_steps()
    if not steps or not reader.total.num_programs:
        raise InputError(f"{run_dir}: no ledger with calls in it; give the folder that the training's ledger has")
    from staged_reward.ledger.estimates import estimate_all
    from staged_reward.ledger.figures import overview
    from staged_reward.pareto.figures import save

    total, console = reader.total, Console()
    console.print(stage_table([_summary(stage, total.stages[stage]) for stage in reader.stages]))
    console.print(
        f"{total.num_programs:,} programs in {len(steps):,} steps on {reader.num_ranks} rank(s), "
        f"{total.cpu_seconds:,.1f} CPU seconds ({total.other_cpu_seconds:,.1f} of them in no stage), "
        f"{total.seconds:,.1f} s in the reward, ${total.dollars:,.4f}"
    )
    if (scoring := total.scoring).computed:
        console.print(
            f"reward model: {scoring.distinct_prefixes:,} distinct token prefixes, {scoring.computed:,} tokens computed "
            f"({scoring.reused:,} known from earlier calls, {scoring.padding:,} padding), "
            f"{scoring.flops / 1e12:,.2f} TFLOP, {scoring.utilisation:.0%} of what the device could do"
        )
    if reader.num_torn:
        console.print(f"{reader.num_torn} line(s) are not whole, as a killed process leaves them; they are left out")
    audited = [item for step in steps for item in step.audited]
    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for column in (f"audits, whole run ({len(audited):,} programs)", "value", "95 % interval", "programs"):
        table.add_column(column, justify="left" if column.startswith("audits") else "right")
    for name, found in estimate_all(audited).items():
        interval = f"{found.low:.3f} to {found.high:.3f}" if found.value == found.value else "-"
        table.add_row(name.replace("_", " "), f"{found.value:.3f}", interval, f"{found.num:,}")
    console.print(table)
    target = output or folder
    try:
        target.mkdir(parents=True, exist_ok=True)
        save(overview(steps, reader.stages, window), target, "ledger")
    except OSError as error:
        raise InputError(f"cannot write into {target}: {error.strerror}; choose another --output") from error
    console.print(f"the picture: {target / 'ledger.png'} and {target / 'ledger.svg'}")


def _summary(stage: str, cost: StageCost) -> StageSummary:
    return StageSummary(stage, **{name: getattr(cost, name) for name in cost.__dataclass_fields__})
