"""Measures of rankings against their definitions by enumeration."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staged_reward.errors import InputError
from staged_reward.metrics import best_of_n, pair_accuracy, pass_at_k, reciprocal_rank


@given(st.lists(st.booleans(), min_size=1, max_size=8), st.data())
def test_best_of_n_is_the_share_of_draws_whose_best_is_correct(outcomes: list[bool], data: st.DataObject) -> None:
    n = data.draw(st.integers(1, len(outcomes)))
    draws = list(combinations(range(len(outcomes)), n))
    expected = sum(outcomes[min(draw)] for draw in draws) / len(draws)
    assert best_of_n(outcomes, n) == pytest.approx(expected)


def test_best_of_all_is_the_first_one() -> None:
    """The reference implementation's sum stops one short, and is 0 here."""
    assert best_of_n([True, False, False], 3) == 1.0
    assert best_of_n([False, True, True], 3) == 0.0


@pytest.mark.parametrize("n", [0, 4, -1])
def test_best_of_more_than_there_are_is_refused(n: int) -> None:
    with pytest.raises(InputError, match=f"n={n} for 3 candidates"):
        best_of_n([True, False, False], n)


def test_the_others() -> None:
    assert [pass_at_k([False, True], k) for k in (1, 2, 9)] == [0.0, 1.0, 1.0]
    assert reciprocal_rank([False, False, True]) == pytest.approx(1 / 3)
    assert reciprocal_rank([False]) == 0.0
    assert pair_accuracy([1.0, 0.0], [0.0]) == 0.75
    with pytest.raises(InputError, match="no pair"):
        pair_accuracy([], [1.0])
