"""The `tests` stage by itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from staged_reward import InputError, Limits, Problem, Verdict
from staged_reward.problem import CallTest
from staged_reward.stages.tests import RunTests

DOUBLE = Problem(task_id="double", entry_point="f", tests=tuple(CallTest((n,), {}, 2 * n) for n in range(5)))


@pytest.fixture(scope="module")
def stage() -> Iterator[RunTests]:
    with RunTests(2) as stage:
        yield stage


def test_first_n_tests_are_run(stage: RunTests) -> None:
    result = stage(DOUBLE, "def f(n):\n    return n + n if n < 2 else 0\n")
    assert (result.stage, result.verdict, result.tests_passed, result.tests_run) == ("tests", Verdict.PASSED, 2, 2)


def test_first_failure_ends_the_run(stage: RunTests) -> None:
    result = stage(DOUBLE, "def f(n):\n    return -1\n")
    assert (result.verdict, result.tests_passed, result.tests_run) == (Verdict.WRONG_ANSWER, 0, 1)


def test_too_few_tests_are_refused(stage: RunTests) -> None:
    with pytest.raises(InputError, match="tests=6 but problem 'double' has 5 tests"):
        RunTests(6)(DOUBLE, "")


def test_count_goes_on_after_a_failure() -> None:
    with RunTests(count=True) as stage:
        result = stage(DOUBLE, "def f(n):\n    return 2 * n if n != 1 else 0\n")
    assert (result.verdict, result.tests_passed, result.tests_run) == (Verdict.WRONG_ANSWER, 4, 5)


def test_own_limit_of_the_problem_applies() -> None:
    problem = Problem(task_id="slow", entry_point="f", tests=(CallTest((), {}, 1),), time_limit_seconds=0.2)
    with RunTests(limits=Limits(cpu_seconds=30.0)) as stage:
        result = stage(problem, "def f():\n    while True:\n        pass\n")
    assert (result.verdict, result.limit_seconds) == (Verdict.TIMEOUT, 0.2)
    assert 0.2 <= result.program_cpu_seconds < 2.0
