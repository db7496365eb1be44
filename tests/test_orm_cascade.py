"""A cascade: whom the large model sees, and how its order and the small one's become one."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staged_reward.errors import InputError
from staged_reward.orm.cascade import CascadeScorer


class Fake:
    def __init__(self, sign: float = 1.0) -> None:
        self.sign = sign
        self.seen: list[tuple[str, str]] = []

    def score(self, prompts: Sequence[str], programs: Sequence[str]) -> list[float]:
        self.seen += zip(prompts, programs, strict=True)
        return [self.sign * float(program) for program in programs]


def test_the_large_model_sees_the_small_ones_best_of_each_prompt_once() -> None:
    large = Fake()
    CascadeScorer(Fake(), large, top=2).score(["p"] * 4 + ["q"] * 2, ["1", "3", "2", "3", "5", "4"])
    assert sorted(large.seen) == [("p", "2"), ("p", "3"), ("q", "4"), ("q", "5")]


def test_the_top_is_in_the_large_ones_order_and_the_rest_below_in_the_small_ones() -> None:
    scores = CascadeScorer(Fake(), Fake(-1.0), top=2).score(["p"] * 4, ["1", "2", "3", "4"])
    assert scores == [-6.0, -5.0, -3.0, -4.0]


@given(st.lists(st.integers(-20, 20), min_size=1, max_size=12), st.integers(1, 5))
def test_the_order_is_the_small_ones_beyond_the_top(values: list[int], top: int) -> None:
    scores = CascadeScorer(Fake(), Fake(-1.0), top=top).score(["p"] * len(values), [str(value) for value in values])
    order = sorted(set(values), reverse=True)
    expected = sorted(order[:top]) + order[top:]
    score_of = dict(zip(values, scores, strict=True))
    assert sorted(set(values), key=lambda value: -score_of[value]) == expected


def test_nothing_to_score_is_nothing() -> None:
    assert CascadeScorer(Fake(), Fake()).score([], []) == []


def test_a_top_of_none_is_refused() -> None:
    with pytest.raises(InputError, match="top=0"):
        CascadeScorer(Fake(), Fake(), top=0)
