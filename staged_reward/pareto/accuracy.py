"""How accurate is a ranker after a filter? Best-of-n, pass@k, reciprocal rank and discounted gain, by problem.

What a filter removed comes after all that it left and is never chosen: a draw without a survivor counts as wrong. `random`
is exact, by its formula. A majority is that of the n drawn, so it is estimated over draws, by how much it falls short of
the full suite on the same draws; among equally frequent programs the score decides where the ranker says so, else the lot.
Scores, tests passed and outcomes rank all candidates once, and Best-of-n is its closed form. Copies count as often as they
were sampled.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from staged_reward.metrics import best_of_n, discounted_gain, pass_at_k, reciprocal_rank
from staged_reward.pareto.interval import Array
from staged_reward.rankers import Ranked, rank

NUM_DRAWS = 200  # of n samples, for a majority
TIE_SEEDS = 20  # orders among equals, for what is left to chance
PASS_AT = (1, 2, 4, 8, 16)


@dataclass(frozen=True, slots=True)
class Case:
    """The candidates of one problem, as one ranker sees them after one filter.

    Attributes:
        task_id: The problem.
        programs: Sources, copies included.
        copies: How many candidates are the same program, formatting aside.
        keys: Equal for those.
        passed: The full suite.
        kept: What the filter left.
        scores: The reward model's, where there is one; None for what it did not see.
        tests_passed: Where they were counted.
    """

    task_id: str
    programs: Sequence[str]
    copies: Sequence[int]
    keys: Sequence[int]
    passed: Sequence[bool]
    kept: Sequence[bool]
    scores: Sequence[float | None] | None = None
    tests_passed: Sequence[int] | None = None


def best_of(ranker: str, case: Case, n: int) -> float:
    """Return the chance that the choice among n drawn candidates is correct."""
    if ranker == "random":
        return _random_best_of(case, n)
    if ranker.startswith("majority"):
        return _majority_best_of(ranker, case, n)
    orders = [order(ranker, case, seed) for seed in range(TIE_SEEDS if ranker == "tests" else 1)]
    return float(np.mean([best_of_n(_outcomes(case, found), n) for found in orders]))


def order(ranker: str, case: Case, seed: int = 0) -> list[int]:
    """Return the indices of all candidates, best first; `full` keeps what passes, by chance within."""
    indices = range(len(case.programs))
    kept = [i for i in indices if case.kept[i]]
    ranked = [
        Ranked(
            case.programs[i],
            tests_passed=case.tests_passed[i] if case.tests_passed else 0,
            score=case.scores[i] if case.scores else None,
            copies=case.copies[i],
        )
        for i in kept
    ]
    places = rank("random" if ranker == "full" else ranker, case.task_id, ranked, seed)
    removed = [i for i in indices if not case.kept[i]]
    random.Random(f"{case.task_id}/{seed}").shuffle(removed)
    return [*(kept[place] for place in places), *removed]


def _outcomes(case: Case, found: Sequence[int]) -> list[bool]:
    """Return a ranking's outcomes; what a filter removed is no answer."""
    return [case.passed[i] and case.kept[i] for i in found]


def rank_values(ranker: str, case: Case) -> dict[str, float]:
    """Return pass@k for several k, reciprocal rank and discounted gain of the ranking of all candidates."""
    is_chance = ranker in ("random", "majority", "tests", "full")
    rankings = [_outcomes(case, order(ranker, case, seed)) for seed in range(TIE_SEEDS if is_chance else 1)]
    values = {f"pass@{k}": [pass_at_k(outcomes, k) for outcomes in rankings] for k in PASS_AT}
    values["mrr"] = [reciprocal_rank(outcomes) for outcomes in rankings]
    values["ndcg"] = [discounted_gain(outcomes) for outcomes in rankings]
    return {name: float(np.mean(found)) for name, found in values.items()}


def _random_best_of(case: Case, n: int) -> float:
    """Return c/S · (1 - C(N - S, n) / C(N, n)), with N candidates of which the filter left S, c of them correct."""
    num, num_kept = len(case.programs), sum(case.kept)
    num_right = sum(passed and kept for passed, kept in zip(case.passed, case.kept, strict=True))
    if not num_kept:
        return 0.0
    return num_right / num_kept * (1.0 - math.comb(num - num_kept, n) / math.comb(num, n))


def _majority_best_of(ranker: str, case: Case, n: int) -> float:
    """Return how often the most frequent survivor of n drawn candidates is correct.

    The chance that any of n is correct is known exactly; the draws say how often it is missed.
    """
    generator = np.random.default_rng(list(f"{case.task_id}/{n}".encode()))
    drawn_DN = generator.random((NUM_DRAWS, len(case.programs))).argsort(axis=1)[:, :n]
    kept, passed = np.asarray(case.kept), np.asarray(case.passed)
    keys = np.unique(np.asarray(case.keys), return_inverse=True)[1].astype(np.int64)
    num_keys = int(keys.max()) + 1
    counts_DK = np.zeros((NUM_DRAWS, num_keys))
    np.add.at(counts_DK, (np.arange(NUM_DRAWS)[:, None], keys[drawn_DN]), kept[drawn_DN])
    worth_DK = counts_DK + _ties(ranker, case, keys, num_keys, generator) * 0.5
    best_D = worth_DK.argmax(axis=1)
    has_any_D = counts_DK.max(axis=1) > 0
    passed_K = np.zeros(num_keys, dtype=np.bool_)
    passed_K[keys[passed & kept]] = True
    right_D = passed_K[best_D] & has_any_D
    lost_D = passed[drawn_DN].any(axis=1) & ~right_D
    exact = best_of_n(sorted(case.passed, reverse=True), n)
    return exact - float(lost_D.mean())


def _ties(ranker: str, case: Case, keys: npt.NDArray[np.int64], num_keys: int, generator: np.random.Generator) -> Array:
    """Return what decides among equally frequent programs, in [0, 1): the place of the score, or a lot for each draw."""
    if ranker != "majority_then_orm" or case.scores is None:
        return generator.random((NUM_DRAWS, num_keys))
    score_K = np.full(num_keys, -np.inf)
    for key, score in zip(keys, case.scores, strict=True):
        score_K[key] = max(score_K[key], -np.inf if score is None else score)
    return score_K.argsort().argsort()[None, :] / num_keys
