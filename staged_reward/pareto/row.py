"""The rows of the table: one filter and one ranker, with everything that was measured of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from staged_reward.metrics import best_of_n
from staged_reward.pareto.accuracy import Case, best_of, rank_values
from staged_reward.pareto.frontier import pareto_optimal
from staged_reward.pareto.interval import Array, Estimate, over_problems, over_trials
from staged_reward.pareto.study import Candidates, Measured
from staged_reward.prices import Price


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row.

    Attributes:
        filter: Its word, or `none`.
        ranker: `random`, `majority`, `orm`, `majority_then_orm`, `tests`, `full`, or a strategy's word.
        orm: Name of the reward model; None for none.
        kind: The recipe's mode.
        order: `adaptive` where the order of filters and tests was learned.
        best_of: By n, in [0, 1].
        lost: By n, the full suite's Best-of-n less this one, on the same problems.
        ranking: pass@k, `mrr` and `ndcg`; empty for strategies, which choose and do not rank.
        kept_frac: What the filter left, of all programs; of `full` and strategies None.
        false_positive_frac: Wrong ones among what it left; None where it left nothing.
        false_negative_frac: Correct programs that it removed, of all correct ones.
        programs_per_second: Over trials; preprocessing, execution and scoring; copies count.
        distinct_per_second: The mean of the same for distinct programs.
        num_programs: That went through in each trial.
        seconds: Of each trial.
        stages: By stage, mean wall and CPU seconds summed over workers, and programs.
        num_run: Distinct programs that a strategy ran.
        dollars: Per 100,000 programs, by provider.
        is_optimal: No other row has more of both accuracy at the largest n and throughput.
    """

    filter: str
    ranker: str
    orm: str | None
    kind: str
    order: str
    best_of: Mapping[int, Estimate]
    lost: Mapping[int, Estimate]
    ranking: Mapping[str, Estimate]
    kept_frac: float | None
    false_positive_frac: float | None
    false_negative_frac: float | None
    programs_per_second: Estimate
    distinct_per_second: float
    num_programs: int
    seconds: tuple[float, ...]
    stages: Mapping[str, Mapping[str, float]]
    num_run: int | None
    dollars: Mapping[str, float]
    is_optimal: bool = False

    @property
    def name(self) -> str:
        """In pictures: filter, ranker, and what else tells it apart."""
        ranker = {"full": "full suite", "tests": "tests passed"}.get(self.ranker, self.ranker)
        if self.orm is not None:
            ranker = {"orm": self.orm, "majority_then_orm": f"majority, {self.orm}"}.get(
                ranker, f"{ranker}, {self.orm}"
            )
        if self.kind == "processes":
            ranker = "full suite, a process each"
        parts = [] if self.filter == "none" else [self.filter]
        return " + ".join([*parts, ranker]) + (" (adaptive)" if self.order == "adaptive" else "")


def rows_of(
    measured: Sequence[Measured],
    candidates: Candidates,
    sizes: Sequence[int],
    prices: Sequence[Price],
    num_workers: int,
    on_gpu: Mapping[str, bool],
) -> list[Row]:
    """Return all rows, those on the frontier marked.

    Args:
        measured: By recipe.
        candidates: All samples.
        sizes: The n of Best-of-n.
        prices: Of providers.
        num_workers: Worker processes of the runs.
        on_gpu: By name of a reward model, whether it ran on one.
    """
    full = {n: _full_suite(candidates, n) for n in sizes}
    rows = [
        _row(item, ranker, candidates, full, prices, num_workers, is_on_gpu=on_gpu.get(item.recipe.orm or "", False))
        for item in measured
        for ranker in item.recipe.rankers
        if not item.recipe.is_probe
    ]
    points = [(row.programs_per_second.mean, row.best_of[max(sizes)].mean) for row in rows]
    return [replace(row, is_optimal=best) for row, best in zip(rows, pareto_optimal(points), strict=True)]


def _full_suite(candidates: Candidates, n: int) -> Array:
    """Return by problem the chance that one of n is correct: what a ranking reaches that knows."""
    return np.array([[best_of_n(sorted(case.passed, reverse=True), n) for case in candidates.cases()]])


def _row(
    item: Measured,
    ranker: str,
    candidates: Candidates,
    full: Mapping[int, Array],
    prices: Sequence[Price],
    num_workers: int,
    *,
    is_on_gpu: bool,
) -> Row:
    recipe, first = item.recipe, item.accurate[0]
    best: dict[int, Array] = {}
    ranking: dict[str, Array] = {}
    if recipe.mode == "strategy":
        lost = {n: np.array([found["losses"][str(n)] for found in item.accurate]) for n in full}
        best = {n: values - lost[n] for n, values in full.items()}
    else:
        seeds = [_cases(found, candidates) for found in item.accurate]
        best = {n: np.array([[best_of(ranker, case, n) for case in cases] for cases in seeds]) for n in full}
        found = [[rank_values(ranker, case) for case in cases] for cases in seeds]
        ranking = {name: np.array([[one[name] for one in row] for row in found]) for name in found[0][0]}
    seconds = [sum(pair) for pair in zip(item.seconds, item.ranker_seconds[ranker], strict=True)]
    num_all = len(candidates.passed)
    num = first["num_programs"] or num_all
    speed = over_trials([num / took for took in seconds])
    kept = first["kept"] if recipe.mode == "filter" else None
    return Row(
        filter=recipe.filter,
        ranker=ranker,
        orm=recipe.orm,
        kind=recipe.mode,
        order=recipe.order,
        best_of={n: over_problems(values) for n, values in best.items()},
        lost={n: over_problems(full[n] - values) for n, values in best.items()},
        ranking={name: over_problems(values) for name, values in ranking.items()},
        kept_frac=None if kept is None else sum(kept) / num_all,
        false_positive_frac=None if kept is None else false_positives(kept, candidates.passed),
        false_negative_frac=None if kept is None else _false_negatives(kept, candidates.passed),
        programs_per_second=speed,
        distinct_per_second=speed.mean * candidates.num_distinct / num_all,
        num_programs=num,
        seconds=tuple(seconds),
        stages=item.stages,
        num_run=first["num_run"],
        dollars={price.provider: price.dollars(speed.mean, num_workers, on_gpu=is_on_gpu) for price in prices},
    )


def _cases(found: Mapping[str, Any], candidates: Candidates) -> list[Case]:
    """Return what one trial left to its ranker."""
    return candidates.cases(found["kept"], found["scores"], found["tests_passed"])


def false_positives(kept: Sequence[bool], passed: Sequence[bool]) -> float | None:
    """Return the share of wrong programs among those that a filter left; None where it left nothing."""
    wrong = sum(left and not right for left, right in zip(kept, passed, strict=True))
    return wrong / sum(kept) if any(kept) else None


def _false_negatives(kept: Sequence[bool], passed: Sequence[bool]) -> float | None:
    removed = sum(right and not left for left, right in zip(kept, passed, strict=True))
    return removed / sum(passed) if any(passed) else None
