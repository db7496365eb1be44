"""The words in which filters are given, and the tests that they pick."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staged_reward import filters  # pytest would collect a `TestsFilter` of its own name
from staged_reward.errors import InputError
from staged_reward.filters import LintFilter, Syntax, parse_filters
from staged_reward.problem import CallTest, Problem


def problem(num_tests: int, task_id: str = "mbpp/117") -> Problem:
    return Problem(task_id=task_id, entry_point="f", tests=tuple(CallTest((i,), {}, i) for i in range(num_tests)))


def test_words_become_filters() -> None:
    words = ("syntax", "lint", "tests=3")
    assert parse_filters(words) == (Syntax(), LintFilter("pylint"), filters.TestsFilter(3, None))
    assert parse_filters(["lint=ruff", "tests=2@7"]) == (LintFilter("ruff"), filters.TestsFilter(2, 7))
    assert parse_filters([" syntax ", "tests=1@0"]) == (Syntax(), filters.TestsFilter(1, 0))


def test_no_filters_are_allowed() -> None:
    assert parse_filters(()) == ()


def test_syntax_comes_first_wherever_it_is_named() -> None:
    assert [item.stage for item in parse_filters(["tests=1", "lint", "syntax"])] == ["syntax", "tests", "lint"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["syntx"], "unknown filter 'syntx'; did you mean 'syntax'?"),
        (["test=1"], "unknown filter 'test=1'; did you mean 'tests'?"),
        (["syntax=yes"], "unknown filter 'syntax=yes'"),
        (["lint=rff"], "unknown linter in filter 'lint=rff'; did you mean 'ruff'?"),
        (["lint="], "unknown linter"),
        (["tests"], "give a number of tests from 1, as in 'tests=3'"),
        (["tests=0"], "give a number of tests from 1"),
        (["tests=-1"], "give a number of tests from 1"),
        (["tests=1.5"], "give a number of tests from 1"),
        (["tests=2@"], "give a number of tests from 1"),
        (["tests=1", "tests=2"], "names stage 'tests' twice"),
        (["lint", "lint=ruff"], "names stage 'lint' twice"),
        (["everything"], "valid: lint, syntax, tests"),
        ("syntax,lint", "is one string; give a sequence"),
    ],
)
def test_wrong_words_are_refused_with_the_remedy(words: list[str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_filters(words)
    assert message in str(caught.value)


def test_without_a_seed_the_first_tests_are_taken() -> None:
    assert filters.TestsFilter(3).indices(problem(8)) == (0, 1, 2)
    assert filters.TestsFilter(8).indices(problem(8)) == tuple(range(8))


def test_too_few_tests_are_an_error_in_the_words_of_the_user() -> None:
    with pytest.raises(InputError) as caught:
        filters.TestsFilter(8).indices(problem(3))
    assert str(caught.value) == "tests=8 but problem 'mbpp/117' has 3 tests; lower it or drop the problem"
    with pytest.raises(InputError, match="has 1 test; lower it"):
        filters.TestsFilter(2, 5).indices(problem(1))
    with pytest.raises(InputError, match="has 0 tests; lower it"):
        filters.TestsFilter(1).indices(problem(0))


@given(available=st.integers(1, 60), seed=st.integers(0, 2**40), data=st.data())
def test_a_seed_draws_distinct_tests_in_order_and_always_the_same(
    available: int, seed: int, data: st.DataObject
) -> None:
    num_tests = data.draw(st.integers(1, available))
    indices = filters.TestsFilter(num_tests, seed).indices(problem(available))
    assert len(set(indices)) == num_tests
    assert list(indices) == sorted(indices)
    assert set(indices) <= set(range(available))
    assert filters.TestsFilter(num_tests, seed).indices(problem(available)) == indices


def test_seeds_and_problems_draw_apart() -> None:
    draws = {filters.TestsFilter(3, seed).indices(problem(40, task_id)) for seed in range(5) for task_id in "abcde"}
    assert len(draws) > 20


def test_a_draw_does_not_depend_on_the_process() -> None:
    # From a separate interpreter with another hash seed; a change here changes what `tests=N@SEED` means.
    assert filters.TestsFilter(4, 7).indices(problem(20, "HumanEval/3")) == (8, 9, 10, 17)


def test_filters_are_picklable() -> None:
    parsed = parse_filters(["syntax", "lint=ruff", "tests=2@7"])
    assert pickle.loads(pickle.dumps(parsed)) == parsed
