"""The picture of a ledger: what verification cost, what it was worth, and where programs stopped, step by step.

Colours run from dark to light and go with a line style or a hatch, as in `pareto.figures`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from staged_reward.ledger.book import Step
from staged_reward.ledger.estimates import Estimate, estimate_all
from staged_reward.pareto.figures import HATCHES, LINES, shades_of

SIZE = (12.0, 8.5)
SHOWN = {
    "top_accuracy": "best-scored of each group is correct",
    "false_positive_rate": "survivors that are wrong",
    "false_negative_rate": "correct programs that a filter removed",
    "orm_auc": "area under the reward model's curve",
    "calibration_gap": "chances too high by",
}
OVER_COST = ("top_accuracy", "false_positive_rate", "false_negative_rate")
MAX_POINTS = 400


def overview(steps: Sequence[Step], stages: Sequence[str], window_steps: int) -> Figure:
    """Return four panels.

    Args:
        steps: In order, not empty.
        stages: Of the verifier, in order.
        window_steps: That each estimate looks back on.
    """
    figure = Figure(figsize=SIZE, layout="constrained")
    cost, quality, seconds, kept = figure.subplots(2, 2).flat
    estimates = _moving(steps, window_steps)
    _against(cost, estimates, [total for total, _, _ in estimates], OVER_COST)
    cost.set_xlabel("CPU seconds of verification so far, all ranks")
    cost.set_title(f"Accuracy against cost (last {window_steps} steps, 95 % intervals)", loc="left", fontsize=11)
    _against(quality, estimates, [step for _, step, _ in estimates], ("orm_auc", "calibration_gap"))
    quality.set_xlabel("step")
    quality.set_title("The reward model on audited survivors", loc="left", fontsize=11)
    _stage_seconds(seconds, steps, stages)
    _kept(kept, steps, stages)
    return figure


def _moving(steps: Sequence[Step], window_steps: int) -> list[tuple[float, int, Mapping[str, Estimate]]]:
    """Return (CPU seconds so far, step, estimates over the window) at no more than so many steps."""
    totals = np.cumsum([step.entry.cpu_seconds for step in steps])
    chosen = np.unique(np.linspace(0, len(steps) - 1, min(len(steps), MAX_POINTS)).astype(int))
    rows: list[tuple[float, int, Mapping[str, Estimate]]] = []
    for end in chosen:
        last = steps[max(0, end + 1 - window_steps) : end + 1]
        found = estimate_all([item for step in last for item in step.audited])
        rows.append((float(totals[end]), steps[end].step, found))
    return rows


def _against(
    axes: Axes, estimates: Sequence[tuple[float, int, Mapping[str, Estimate]]], x: Sequence[float], names: Sequence[str]
) -> None:
    _prepare(axes)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_ylim(-0.02, 1.02)
    for (name, colour), line in zip(shades_of(names).items(), LINES, strict=False):
        rows = [(found[name].value, found[name].low, found[name].high) for _, _, found in estimates]
        value, low, high = np.array(rows, dtype=float).T
        if np.isnan(value).all():
            axes.plot([], [], color=colour, linestyle=line, label=f"{SHOWN[name]}: nothing audited")
            continue
        axes.plot(x, value, color=colour, linestyle=line, label=SHOWN[name])
        axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
    axes.legend(fontsize=8, frameon=False, loc="best")


def _stage_seconds(axes: Axes, steps: Sequence[Step], stages: Sequence[str]) -> None:
    _prepare(axes)
    names = [stage for stage in stages if any(s.entry.stages.get(stage) for s in steps)]
    numbers = [step.step for step in steps]
    rows = [[_cost(step, stage, "cpu_seconds") for step in steps] for stage in names]
    for name, row in (
        ("no stage", [max(0.0, step.entry.other_cpu_seconds) for step in steps]),  # below 0 where clock ticks are late
        ("audit", [step.audit_cpu_seconds for step in steps]),
    ):
        names, rows = ([*names, name], [*rows, row]) if any(row) else (names, rows)
    bottom = np.zeros(len(steps))
    for (name, colour), hatch, row in zip(shades_of(names).items(), (*HATCHES, *HATCHES), rows, strict=False):
        top = bottom + np.array(row)
        axes.fill_between(
            numbers,
            bottom,
            top,
            facecolor=colour,
            hatch=hatch,
            edgecolor="white",
            linewidth=0.3,
            label=name,
            step="mid",
        )
        bottom = top
    axes.set_xlabel("step")
    axes.set_ylabel("CPU seconds")
    axes.set_title("Cost per step, by stage", loc="left", fontsize=11)
    axes.set_ylim(0, max(1.25 * bottom.max(), 1e-6))
    axes.legend(fontsize=8, frameon=False, loc="upper center", ncols=-(-len(names) // 2))


def _kept(axes: Axes, steps: Sequence[Step], stages: Sequence[str]) -> None:
    _prepare(axes)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_ylim(-0.02, 1.02)
    names = [stage for stage in stages if stage != "orm"]  # it stops nothing
    numbers = [step.step for step in steps]
    for (name, colour), line in zip(shades_of(names).items(), LINES, strict=False):
        shares = [_cost(step, name, "num_kept") / step.entry.num_programs for step in steps]
        axes.plot(numbers, shares, color=colour, linestyle=line, label=name)
    axes.set_xlabel("step")
    axes.set_title("Completions that got past each stage", loc="left", fontsize=11)
    axes.legend(fontsize=8, frameon=False)


def _cost(step: Step, stage: str, name: str) -> float:
    found = step.entry.stages.get(stage)
    return 0.0 if found is None else float(getattr(found, name))


def _prepare(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
