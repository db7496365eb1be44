"""Accuracy of rankers: against brute force over all draws, and the product formula."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staged_reward.metrics import best_of_n, discounted_gain, unbiased_pass_at_k
from staged_reward.pareto.accuracy import Case, best_of, order, rank_values


def case(
    passed: Sequence[bool],
    kept: Sequence[bool] | None = None,
    *,
    keys: Sequence[int] | None = None,
    scores: Sequence[float | None] | None = None,
) -> Case:
    keys = list(range(len(passed))) if keys is None else keys
    counts = Counter(keys)
    return Case(
        task_id="t",
        programs=[f"x = {key}" for key in keys],
        copies=[counts[key] for key in keys],
        keys=keys,
        passed=passed,
        kept=[True] * len(passed) if kept is None else kept,
        scores=scores,
    )


OUTCOMES = st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(-3, 3)), min_size=1, max_size=7)


@given(OUTCOMES, st.data())
def test_best_of_n_by_score_is_the_mean_over_all_draws(
    outcomes: list[tuple[bool, bool, int]], data: st.DataObject
) -> None:
    n = data.draw(st.integers(1, len(outcomes)))
    # scores all differ: which of two equals is right would be the lot's matter
    scores = [score + place / 100 for place, (_, _, score) in enumerate(outcomes)]
    found = case([p for p, _, _ in outcomes], [k for _, k, _ in outcomes], scores=scores)
    rights = []
    for draw in itertools.combinations(range(len(outcomes)), n):
        kept = [i for i in draw if found.kept[i]]
        best = max(kept, key=lambda i: scores[i], default=None)
        rights.append(best is not None and found.passed[best])
    assert best_of("orm", found, n) == pytest.approx(sum(rights) / len(rights))


@given(OUTCOMES, st.data())
def test_random_choice_is_the_mean_over_all_draws_and_choices(
    outcomes: list[tuple[bool, bool, int]], data: st.DataObject
) -> None:
    n = data.draw(st.integers(1, len(outcomes)))
    found = case([p for p, _, _ in outcomes], [k for _, k, _ in outcomes])
    chances = []
    for draw in itertools.combinations(range(len(outcomes)), n):
        kept = [i for i in draw if found.kept[i]]
        chances.append(sum(found.passed[i] for i in kept) / len(kept) if kept else 0.0)
    assert best_of("random", found, n) == pytest.approx(sum(chances) / len(chances))


@pytest.mark.parametrize("n", [1, 2, 3, 5, 6, 7])
def test_a_majority_is_that_of_the_drawn_survivors(n: int) -> None:
    keys, passed = [0, 0, 0, 1, 1, 2, 3], [False, False, False, True, True, True, True]
    kept = [True] * 6 + [False]
    found = case(passed, kept, keys=keys)
    chances = []
    for draw in itertools.combinations(range(7), n):
        counts = Counter(keys[i] for i in draw if kept[i])
        most = [key for key, count in counts.items() if count == max(counts.values())]
        chances.append(sum(key > 0 for key in most) / len(most) if most else 0.0)
    exact = sum(chances) / len(chances)
    estimates = [best_of("majority", dataclasses.replace(found, task_id=str(seed)), n) for seed in range(40)]
    assert sum(estimates) / 40 == pytest.approx(exact, abs=4 * math.sqrt(0.25 / 200 / 40))


def test_a_majority_that_cannot_be_wrong_is_exactly_as_good_as_the_full_suite() -> None:
    passed = [True] * 3 + [False] * 9
    found = case(passed, passed, keys=list(range(12)))
    for n in (1, 4, 9):
        assert best_of("majority", found, n) == pytest.approx(best_of("full", found, n))


def test_the_score_decides_among_equally_frequent_programs() -> None:
    found = case([False, False, True, True], keys=[0, 0, 1, 1], scores=[1.0, 1.0, 2.0, 2.0])
    assert best_of("majority_then_orm", found, 4) == 1.0
    found = case([False, False, True], keys=[0, 0, 1], scores=[1.0, 1.0, 2.0])
    assert best_of("majority_then_orm", found, 3) == 0.0


def test_a_majority_without_a_survivor_is_wrong() -> None:
    assert best_of("majority", case([True, True], [False, False]), 1) == 0.0


@given(st.integers(1, 40), st.data())
def test_pass_at_k_of_a_random_ranking_is_the_product_formula(num: int, data: st.DataObject) -> None:
    correct, k = data.draw(st.integers(0, num)), data.draw(st.integers(1, num))
    product = 1.0
    for i in range(num - correct + 1, num + 1):
        product *= 1.0 - k / i
    assert unbiased_pass_at_k(num, correct, k) == pytest.approx(1.0 - product, abs=1e-9)
    full = case([i < correct for i in range(num)])
    assert best_of("full", case(full.passed, full.passed), k) == pytest.approx(1.0 - product, abs=1e-9)


def test_what_a_filter_removed_comes_last_whatever_its_score() -> None:
    found = case([False, True, False], [True, True, False], scores=[1.0, 2.0, None])
    assert order("orm", found) == [1, 0, 2]


def test_ranking_values_by_hand() -> None:
    found = case([False, True, True], scores=[3.0, 2.0, 1.0])
    values = rank_values("orm", found)
    assert (values["pass@1"], values["pass@2"], values["mrr"]) == (0.0, 1.0, 0.5)
    assert values["ndcg"] == pytest.approx((1 / math.log2(3) + 1 / math.log2(4)) / (1 + 1 / math.log2(3)))


@given(st.lists(st.booleans(), min_size=1, max_size=10))
def test_discounted_gain_is_one_exactly_for_the_best_order(outcomes: list[bool]) -> None:
    assert discounted_gain(sorted(outcomes, reverse=True)) == pytest.approx(float(any(outcomes)))
    is_best = outcomes == sorted(outcomes, reverse=True)
    assert (discounted_gain(outcomes) > 1 - 1e-12) == (is_best and any(outcomes))


def test_best_of_all_is_that_of_the_first() -> None:
    """A sum over the ranks that stops one short would give 0."""
    assert best_of_n([True, False, False], 3) == 1.0
