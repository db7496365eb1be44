"""The part of `staged-reward doctor` that is about the sandbox: layers, what each stops, what nothing here stops."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from staged_reward.isolation.layers import (
    ALWAYS,
    DESCRIPTIONS,
    LEVEL_TEXTS,
    THREATS,
    Layer,
    Level,
    Threat,
    level_of,
)


def print_isolation(console: Console, active: Collection[Layer], missing: Mapping[str, str]) -> None:
    """Print the level, the layers in force, and for each threat what stops it."""
    level = level_of(active)
    console.print(f"[bold]isolation level: {level.name.lower()}[/bold] ({LEVEL_TEXTS[level]})")
    for other in Level:
        if other > level:
            console.print(f"  not reached: {other.name.lower()} ({LEVEL_TEXTS[other]})")
    console.print(_layer_table(active, missing))
    console.print(_threat_table(active))


def _layer_table(active: Collection[Layer], missing: Mapping[str, str]) -> Table:
    table = _table("layer", "", "what it is")
    table.add_row("always", "[green]on[/green]", ALWAYS)
    for layer in Layer:
        if layer in active:
            table.add_row(layer, "[green]on[/green]", DESCRIPTIONS[layer])
        else:
            reason = missing.get(layer, "not needed: another layer does it")
            table.add_row(layer, "[yellow]off[/yellow]", escape(f"{DESCRIPTIONS[layer]}. Here: {reason}"))
    return table


def _threat_table(active: Collection[Layer]) -> Table:
    table = _table("a program that tries to", "", "stopped by")
    for threat in THREATS:
        stopped = threat.is_stopped(active)
        mark = "[green]stopped[/green]" if stopped else "[red]not stopped[/red]"
        table.add_row(threat.text, mark, " or ".join(_stoppers(threat, active)) if stopped else _remedy(threat))
    return table


def _stoppers(threat: Threat, active: Collection[Layer]) -> list[str]:
    return [" with ".join(sorted(layers)) for layers in threat.stopped_by if layers.issubset(active)]


def _remedy(threat: Threat) -> str:
    needed = " or ".join(" with ".join(sorted(layers)) for layers in threat.stopped_by)
    return f"would be by {needed}" if needed else "no sandbox of this kind; use a virtual machine"


def _table(*names: str) -> Table:
    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for name in names:
        table.add_column(name)
    return table
