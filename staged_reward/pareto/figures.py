"""The pictures of a study. Each is a function from what was measured to a Matplotlib figure; `save` writes PNG and SVG.

Colours run from dark to light and always go with a marker, a line style or a hatch, so that grey prints and colour-blind
readers lose nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, PercentFormatter

from staged_reward.pareto.ranks import RemovedRanks
from staged_reward.pareto.row import Row

SIZE = (9.0, 5.5)
DPI = 150
MARKERS = {
    "random": ("o", "random"),
    "majority": ("s", "majority"),
    "orm": ("^", "reward model"),
    "majority_then_orm": ("v", "majority, then reward model"),
    "tests": ("P", "tests passed"),
    "full": ("D", "full suite"),
    "strategy": ("*", "strategy"),
}
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))
HATCHES = ("", "///", "...", "xxx", "\\\\\\", "ooo", "++")
SHARE_BINS = 20


def save(figure: Figure, folder: Path, name: str) -> None:
    """Write `name.png` and `name.svg`."""
    figure.savefig(folder / f"{name}.png", dpi=DPI)
    figure.savefig(folder / f"{name}.svg", metadata={"Date": None})


def frontier(rows: Sequence[Row], n: int) -> Figure:
    """Accuracy against throughput, every row a point, the optimal ones joined and labelled."""
    figure, axes = _figure()
    x = [row.programs_per_second.mean for row in rows]
    _points(figure, axes, rows, x, n)
    optimal = sorted((row for row in rows if row.is_optimal), key=lambda row: row.programs_per_second.mean)
    _join(axes, optimal, [row.programs_per_second.mean for row in optimal], n, is_rising=False)
    axes.set_xlabel("programs per second")
    axes.set_title("Accuracy against throughput: up and to the right is better", loc="left", fontsize=11)
    return figure


def dollars(rows: Sequence[Row], n: int) -> Figure:
    """Accuracy against the price of 100,000 programs; the line through a point spans the providers."""
    figure, axes = _figure()
    mean = [float(np.mean(list(row.dollars.values()))) for row in rows]
    for row in rows:
        spread = list(row.dollars.values())
        axes.plot([min(spread), max(spread)], [100 * row.best_of[n].mean] * 2, color="0.6", linewidth=1, zorder=1)
    _points(figure, axes, rows, mean, n)
    pairs = sorted(zip(mean, rows, strict=True), key=lambda pair: (pair[0], -pair[1].best_of[n].mean))
    best: list[tuple[float, Row]] = []
    for price, row in pairs:
        if not best or row.best_of[n].mean > best[-1][1].best_of[n].mean:
            best.append((price, row))
    _join(axes, [row for _, row in best], [price for price, _ in best], n, is_rising=True)
    axes.set_xlabel("dollars per 100,000 programs")
    axes.set_title("Accuracy against price: up and to the left is better", loc="left", fontsize=11)
    return figure


def _figure() -> tuple[Figure, Axes]:
    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    return figure, axes


def shades_of(names: Sequence[str]) -> dict[str, tuple[float, float, float, float]]:
    """Return a colour for each name, dark to light."""
    return dict(zip(names, colormaps["viridis"](np.linspace(0.0, 0.88, max(2, len(names)))), strict=False))


def _base(word: str) -> str:
    """Return a filter without its seed: random subsets share the colour of the first N, and are hollow."""
    return word.partition("@")[0]


def _points(figure: Figure, axes: Axes, rows: Sequence[Row], x: Sequence[float], n: int) -> None:
    shades = shades_of(list(dict.fromkeys(_base(row.filter) for row in rows)))
    for row, place in zip(rows, x, strict=True):
        kind = "strategy" if row.kind == "strategy" else row.ranker
        estimate, colour = row.best_of[n], shades[_base(row.filter)]
        if not math.isnan(estimate.low):
            axes.errorbar(
                place,
                100 * estimate.mean,
                yerr=[[100 * (estimate.mean - estimate.low)], [100 * (estimate.high - estimate.mean)]],
                color=colour,
                elinewidth=0.5,
                alpha=0.35,
            )
        size = 11 if kind == "strategy" else 7
        fill = "white" if "@" in row.filter else colour
        axes.plot(
            place, 100 * estimate.mean, MARKERS[kind][0], color=colour, markerfacecolor=fill, markersize=size, zorder=3
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6f}".rstrip("0").rstrip(".")))
    axes.set_ylabel(f"best of {n}, % of problems solved")
    top = 100 * max(np.nanmax([row.best_of[n].mean, row.best_of[n].high]) for row in rows)
    axes.set_ylim(0, 1.12 * top)  # room for the label of the highest
    axes.margins(x=0.1)
    _legends(figure, rows, shades)


def _legends(figure: Figure, rows: Sequence[Row], shades: dict[str, tuple[float, float, float, float]]) -> None:
    used = dict.fromkeys("strategy" if row.kind == "strategy" else row.ranker for row in rows)
    markers = [
        Line2D([], [], color="0.3", marker=MARKERS[kind][0], linestyle="", label=MARKERS[kind][1]) for kind in used
    ]
    colours = [Line2D([], [], color=colour, linewidth=5, label=name) for name, colour in shades.items()]
    figure.legend(handles=markers, title="chosen by", loc="outside right upper", frameon=False, fontsize=9)
    figure.legend(handles=colours, title="after filter", loc="outside right lower", frameon=False, fontsize=9)


def _join(axes: Axes, rows: Sequence[Row], x: Sequence[float], n: int, *, is_rising: bool) -> None:
    """Join optimal points by steps, and label them, alternately above and below the line."""
    y = [100 * row.best_of[n].mean for row in rows]
    axes.plot(x, y, color="0.2", linewidth=1.2, drawstyle="steps-post" if is_rising else "steps-pre", zorder=2)
    for number, (row, place, height) in enumerate(zip(rows, x, y, strict=True)):
        is_above = number % 2 == 0
        axes.annotate(
            row.name,
            (place, height),
            xytext=(0, 12 if is_above else -16),
            textcoords="offset points",
            ha="center",
            fontsize=8,
            bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "0.7", "alpha": 0.85},
            zorder=4,
        )


def removed_ranks(found: Sequence[RemovedRanks], orm: str) -> Figure:
    """Where the programs that each filter removes stood in a reward model's ranking."""
    figure, axes = _figure()
    shades = shades_of([item.filter for item in found])
    num_bins = min(SHARE_BINS, *(item.num_candidates for item in found))
    edges = np.linspace(0, 1, num_bins + 1)
    for item, line in zip(found, LINES * 3, strict=False):
        density, _ = np.histogram(item.shares, bins=edges)
        label = f"{item.filter}: {item.removed_frac:.1%} removed"
        axes.stairs(
            density / len(item.shares), edges, color=shades[item.filter], linestyle=line, linewidth=1.8, label=label
        )
    axes.axhline(1 / num_bins, color="0.5", linewidth=0.8)
    axes.text(1.0, 1 / num_bins, " evenly", color="0.4", va="center", fontsize=8)
    axes.set_xlim(0, 1)
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlabel("rank among the problem's candidates: the best is on the left")
    axes.set_ylabel("share of the removed programs")
    axes.set_title(f"Where {orm} had ranked what a filter removes", loc="left", fontsize=11)
    axes.legend(frameon=False)
    return figure


def false_positives(first: Sequence[tuple[int, float]], subsets: Sequence[tuple[int, float]]) -> Figure:
    """How many of the programs that pass N tests are wrong: for the first N, and for random subsets of N.

    Args:
        first: (tests, share of wrong programs among those left).
        subsets: The same, a pair for each subset.
    """
    figure, axes = _figure()
    axes.plot(*zip(*first, strict=True), "D-", color="0.1", label="the first N", zorder=3)
    if subsets:
        axes.plot(*zip(*subsets, strict=True), "o", color="0.55", markerfacecolor="white", label="random subsets of N")
        sizes = sorted({num for num, _ in subsets})
        means = [float(np.mean([share for num, share in subsets if num == size])) for size in sizes]
        axes.plot(sizes, means, "--", color="0.55", label="their mean")
    axes.set_ylim(bottom=0)
    axes.set_xticks(sorted({num for num, _ in first}))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlabel("tests N (of a problem that has fewer: all)")
    axes.set_ylabel("wrong programs among those that pass")
    axes.set_title("False positives of a filter of N tests", loc="left", fontsize=11)
    axes.legend(frameon=False)
    return figure


def _recipe_name(row: Row) -> str:
    """Return a row's name without the ranker, which takes no time to speak of."""
    if row.kind != "filter":
        return row.name
    return " + ".join(part for part in (row.filter, row.orm) if part is not None)


def stage_times(rows: Sequence[Row]) -> Figure:
    """Wall time per program by stage, of every recipe that was timed stage by stage."""
    by_recipe = {(row.filter, row.orm, row.kind, row.order, row.ranker * (row.kind == "strategy")): row for row in rows}
    chosen = [row for row in by_recipe.values() if row.stages]
    stages = list(dict.fromkeys(stage for row in chosen for stage in row.stages))
    shades = shades_of(stages)
    figure = Figure(figsize=(SIZE[0], 1.5 + 0.28 * len(chosen)), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    left = np.zeros(len(chosen))
    for stage, hatch in zip(stages, HATCHES * 2, strict=False):
        width = np.array([row.stages.get(stage, {}).get("seconds", 0.0) / row.num_programs * 1e3 for row in chosen])
        axes.barh(
            range(len(chosen)), width, left=left, color=shades[stage], hatch=hatch, edgecolor="white", label=stage
        )
        left += width
    axes.set_yticks(range(len(chosen)), [_recipe_name(row) for row in chosen], fontsize=8)
    axes.set_ylim(len(chosen) - 0.4, -0.6)
    axes.set_xlabel("milliseconds per program, summed over workers")
    axes.set_title("Time per stage", loc="left", fontsize=11)
    figure.legend(loc="outside right upper", frameon=False)
    return figure
