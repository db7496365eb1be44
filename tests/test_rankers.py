"""Orders of candidates: what each looks at, and that ties favour nobody."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staged_reward.errors import InputError
from staged_reward.rankers import RANKERS, Ranked, rank

CANDIDATES = [
    Ranked("x = 1", tests_passed=2, score=-1.0),
    Ranked("y = 2", tests_passed=9, score=None),
    Ranked("x  =  1", tests_passed=0, score=3.0),
    Ranked("z = 3", tests_passed=5, score=0.0),
]


def test_each_ranker_puts_first_what_it_is_named_for() -> None:
    assert set(rank("majority", "t", CANDIDATES)[:2]) == {0, 2}  # formatting aside, two are the same
    assert rank("tests", "t", CANDIDATES) == [1, 3, 0, 2]
    assert rank("orm", "t", CANDIDATES) == [2, 3, 0, 1]
    assert rank("majority_then_orm", "t", CANDIDATES) == [2, 0, 3, 1]


@pytest.mark.parametrize("name", RANKERS)
@given(order=st.permutations(range(4)), seed=st.integers(0, 5))
def test_the_order_in_which_candidates_come_does_not_matter(name: str, order: list[int], seed: int) -> None:
    shuffled = [CANDIDATES[index] for index in order]
    assert [shuffled[i].program for i in rank(name, "t", shuffled, seed)] == [
        CANDIDATES[i].program for i in rank(name, "t", CANDIDATES, seed)
    ]


def test_ties_favour_no_candidate() -> None:
    firsts = Counter(rank("random", f"task {number}", CANDIDATES)[0] for number in range(2000))
    assert all(abs(firsts[index] - 500) < 5 * (2000 * 0.25 * 0.75) ** 0.5 for index in range(4))  # five deviations


def test_copies_share_their_place_fairly() -> None:
    copies = [Ranked("x = 1")] * 3 + [Ranked("y = 2")]
    last = Counter(rank("random", f"task {number}", copies).index(3) for number in range(2000))
    assert all(abs(last[place] - 500) < 5 * (2000 * 0.25 * 0.75) ** 0.5 for place in range(4))


def test_an_unknown_ranker_is_refused() -> None:
    with pytest.raises(InputError, match="'om' is unknown; did you mean 'orm'"):
        rank("om", "t", CANDIDATES)
