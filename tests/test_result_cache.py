"""What an earlier call found out serves a later one, where it holds for both."""

from __future__ import annotations

import pickle
from collections.abc import Sequence

import pytest
from fake_pool import BUDGET, PROBLEM, TESTS, FakePool
from hypothesis import given
from hypothesis import strategies as st

from staged_reward import worker  # pytest would collect a `TestsTask` of its own name
from staged_reward.errors import InputError
from staged_reward.filters import parse_filters
from staged_reward.limits import Limits
from staged_reward.normalise import identity
from staged_reward.problem import CallTest, Judgement, Problem, StageResult, Verdict
from staged_reward.result_cache import ResultCache
from staged_reward.verification import Verification
from staged_reward.verifier import StagedVerifier


def verify(
    pool: FakePool,
    programs: Sequence[str],
    cache: ResultCache,
    *,
    problem: Problem = PROBLEM,
    filters: Sequence[str] = ("lint", "tests=1"),
    full: bool = True,
    limits: Limits | None = None,
) -> list[Judgement]:
    run = Verification(parse_filters(filters), limits or Limits(), BUDGET, None, full=full, count=False, cache=cache)
    judged = dict(item for batch in run.run(pool, [problem] * len(programs), programs, lambda _: None) for item in batch)  # type: ignore[arg-type]
    return [judged[position] for position in range(len(programs))]


def test_a_program_that_was_seen_runs_no_more_and_costs_nothing() -> None:
    cache, pool = ResultCache(100), FakePool()
    programs = ["x = 1; t = 0.01", "x = 2; full = 'wrong_answer'"]
    first = verify(pool, programs, cache)
    num_run = len(pool.order)
    again = verify(pool, [programs[1], "x = 1;  t = 0.01  # the same", programs[1]], cache)
    assert len(pool.order) == num_run
    assert [judgement.verdict for judgement in again] == ["wrong_answer", "passed", "wrong_answer"]
    assert [judgement.cpu_seconds for judgement in again] == [0.0] * 3
    assert [judgement.is_known for judgement in (*first, *again)] == [False] * 2 + [True] * 3


def test_other_tests_other_limits_and_other_problems_are_other_results() -> None:
    cache, pool = ResultCache(100), FakePool()
    verify(pool, ["x = 1"], cache, filters=("tests=1",), full=False)
    for change in (
        {"filters": ("tests=2",)},
        {"limits": Limits(memory_mib=7)},
        {"problem": Problem(task_id="p", entry_point="f", tests=TESTS)},
    ):
        before = len(pool.order)
        verify(pool, ["x = 1"], cache, **({"filters": ("tests=1",)} | change), full=False)  # type: ignore[arg-type]
        assert len(pool.order) == before + 1, change


def test_a_fault_of_ours_and_a_time_out_at_a_budget_are_tried_again() -> None:
    cache, pool = ResultCache(100), FakePool()
    hangs, faulty = "x = 1; t = 99", "x = 2; tests = 'infra_error'"
    siblings = [f"n = {i}; t = 0.001" for i in range(5)]
    verify(pool, [hangs, faulty, *siblings], cache, filters=("tests=1",), full=False)
    before = len(pool.order)
    verify(pool, [hangs, faulty, *siblings], cache, filters=("tests=1",), full=False)
    assert len(pool.order) == before + 3  # hangs twice, as ever; the siblings not at all


def test_the_least_recently_used_go_first() -> None:
    cache, pool = ResultCache(2), FakePool()
    for source in ("x = 1", "x = 2", "x = 1", "x = 3", "x = 1"):
        verify(pool, [source], cache, filters=("tests=1",), full=False)
    assert len(cache) == 2
    assert [source for source, _ in pool.order] == ["x = 1", "x = 2", "x = 3"]


OUTCOMES = st.lists(
    st.sampled_from(["x = {}", "x = {}; lint = 'lint_error'", "x = {}; full = 'wrong_answer'", "x = {}; t = 99"]),
    min_size=1,
    max_size=9,
)


@given(OUTCOMES, st.integers(0, 50))
def test_with_a_cache_outcomes_are_the_same(sources: list[str], seed: int) -> None:
    programs = [source.format(number) for number, source in enumerate(sources)]
    cache = ResultCache(1000)
    plain = verify(FakePool(seed=seed), programs, ResultCache(0))
    for _ in range(2):
        known = verify(FakePool(seed=seed), programs, cache)
        assert [j.verdict for j in known] == [j.verdict for j in plain]
        assert [j.reward for j in known] == [j.reward for j in plain]
        assert [j.filtered_by for j in known] == [j.filtered_by for j in plain]


def test_a_cache_of_less_than_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="cache=-1"):
        StagedVerifier(cache=-1)


def test_a_copy_of_a_verifier_has_an_empty_cache() -> None:
    verifier = StagedVerifier(("tests=1",), workers=1, cache=10)
    problem = Problem(task_id="p", entry_point="f", tests=(CallTest((1,), expected=1),))
    with verifier:
        verifier.verify([problem], ["def f(x): return x"])
        [again] = verifier.verify([problem], ["def f(x):  return x"])
    assert again.is_known
    assert len(verifier.cache) == 1
    assert len(pickle.loads(pickle.dumps(verifier)).cache) == 0


def test_a_known_time_out_is_no_sibling_that_ended() -> None:
    """It waited: it used little CPU time, and says nothing of how long the others need."""
    cache = ResultCache(100)
    waits = StageResult(
        stage="tests", verdict=Verdict.TIMEOUT, program_cpu_seconds=0.001, limit_seconds=3.0, tests_run=1
    )
    sleepers = [f"n = {i}" for i in range(6)]
    task = worker.TestsTask("tests", (0,), Limits(), count=False)
    for source in sleepers:
        cache.put(PROBLEM, identity(source), task, Limits(), waits)
    found = verify(FakePool(), [*sleepers, "n = 9; t = 0.5"], cache, filters=("tests=1",), full=False)
    assert [judgement.verdict for judgement in found] == ["timeout"] * 6 + ["passed"]
