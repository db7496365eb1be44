"""How well a reward model ranks labelled problems: pair accuracy, Best-of-n, and near misses by operator."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from staged_reward.calibration import Calibration, fit_calibration
from staged_reward.metrics import best_of_n, pair_accuracy
from staged_reward.orm.card import OrmCard
from staged_reward.orm.checkpoint import checkpoint_of
from staged_reward.orm.cost import ScoringCost
from staged_reward.orm.encoding import text_of
from staged_reward.orm.groups import SAMPLE, Group
from staged_reward.orm.near_miss import MUTANT
from staged_reward.orm.scorer import score_texts
from staged_reward.rankers import Ranked, rank

BEST_OF = (8, 64)


def evaluate_groups(
    model: Any, tokenizer: Any, groups: Sequence[Group], texts: Sequence[str], max_length: int
) -> tuple[dict[str, float], Calibration | None]:
    """Score labelled problems with a model in memory, and return what `measure` and `calibrate` do.

    Args:
        model: Under training, in the mode for evaluation.
        tokenizer: Its.
        groups: The problems.
        texts: Their programs as the model reads them: see `texts_of_groups`.
        max_length: Tokens kept of a text, from its end.
    """
    found = iter(score_texts(checkpoint_of(model, tokenizer), texts, max_length, ScoringCost()))
    scores = [[next(found) for _ in group.programs] for group in groups]
    return measure(groups, scores), calibrate(groups, scores)


def texts_of_groups(groups: Sequence[Group], card: OrmCard, eos_token: str) -> list[str]:
    """Return the texts of all programs, problem by problem. Formatting them takes longer than a small model's pass."""
    return [text_of(group.prompt, item.program, card, eos_token) for group in groups for item in group.programs]


def measure(groups: Sequence[Group], scores: Sequence[Sequence[float]]) -> dict[str, float]:
    """Return measures as means over problems.

    Args:
        groups: Near misses and solutions are no candidates: they count in accuracies only.
        scores: Of their programs.

    Returns:
        `pair_accuracy` over problems with both kinds, and `pair_accuracy_samples` over those where samples are; `boN` and
        `random_boN` over problems with at least N samples, for which no order helps where all of them are right or wrong;
        `near_miss/OPERATOR`: how often a correct program is above such a mutant of its problem. What has no problem is
        left out.
    """
    values: dict[str, list[float]] = defaultdict(list)
    for group, own in zip(groups, scores, strict=True):
        by_kind = {
            kind: [s for s, item in zip(own, group.programs, strict=True) if item.passed is kind]
            for kind in (True, False)
        }
        if by_kind[True] and by_kind[False]:
            values["pair_accuracy"].append(pair_accuracy(by_kind[True], by_kind[False]))
        sampled = [(s, item) for s, item in zip(own, group.programs, strict=True) if item.origin == SAMPLE]
        right = [score for score, item in sampled if item.passed]
        wrong = [score for score, item in sampled if not item.passed]
        if right and wrong:
            values["pair_accuracy_samples"].append(pair_accuracy(right, wrong))
        for operator, mutants in _near_misses(group, own).items():
            if by_kind[True]:
                values[f"near_miss/{operator}"].append(pair_accuracy(by_kind[True], mutants))
        order = rank("orm", group.task_id, [Ranked(item.program, score=score) for score, item in sampled])
        outcomes = [sampled[index][1].passed for index in order]
        for n in BEST_OF:
            if len(outcomes) >= n:
                values[f"bo{n}"].append(best_of_n(outcomes, n))
                values[f"random_bo{n}"].append(sum(outcomes) / len(outcomes))
    return {name: statistics.fmean(found) for name, found in sorted(values.items())}


def calibrate(groups: Sequence[Group], scores: Sequence[Sequence[float]]) -> Calibration | None:
    """Return the calibration on samples, near misses left out; None where samples are missing or scores say nothing."""
    found = [
        (score, item.passed)
        for group, own in zip(groups, scores, strict=True)
        for score, item in zip(own, group.programs, strict=True)
        if item.origin == SAMPLE
    ]
    if len({passed for _, passed in found}) < 2:
        return None
    return fit_calibration([score for score, _ in found], [passed for _, passed in found])


def _near_misses(group: Group, scores: Sequence[float]) -> Mapping[str, list[float]]:
    found: dict[str, list[float]] = defaultdict(list)
    for score, item in zip(scores, group.programs, strict=True):
        if item.origin.startswith(MUTANT):
            found[item.origin.removeprefix(MUTANT)].append(score)
    return found
