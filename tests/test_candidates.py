"""Candidates: how outcomes become judgements and rewards."""

from __future__ import annotations

from staged_reward import worker  # pytest would collect a `TestsTask` of its own name
from staged_reward.candidates import Candidate, Group
from staged_reward.filters import parse_filters
from staged_reward.limits import Limits
from staged_reward.problem import CallTest, Judgement, Problem, StageResult, Verdict
from staged_reward.worker import LintTask

TESTS = tuple(CallTest((i,), {}, i) for i in range(5))
PROBLEM = Problem(task_id="p", entry_point="f", tests=TESTS, time_limit_seconds=7.0, memory_limit_mib=99)


def result(stage: str, verdict: Verdict = Verdict.PASSED, **values: object) -> StageResult:
    return StageResult(stage=stage, verdict=verdict, **values)  # type: ignore[arg-type]


def judge(*results: StageResult, score: float | None = None) -> Judgement:
    group = Group.of(PROBLEM, parse_filters(["syntax", "lint", "tests=1"]), Limits(), full=True, count=False)
    candidate = Candidate(group, "x = 1", [4])
    candidate.add(results)
    candidate.score = score
    ((position, judgement),) = candidate.judgements()
    assert position == 4
    return judgement


def test_what_a_filter_removed_gets_zero_although_the_suite_passes() -> None:
    judgement = judge(result("syntax"), result("lint", Verdict.LINT_ERROR), result("full", tests_passed=5, tests_run=5))
    assert judgement.passed
    assert judgement.filtered_by == "lint"
    assert judgement.reward == 0.0


def test_a_fault_of_ours_is_not_a_filter() -> None:
    judgement = judge(result("syntax"), result("tests", Verdict.INFRA_ERROR, detail="the worker was lost"))
    assert judgement.verdict is Verdict.INFRA_ERROR
    assert judgement.filtered_by is None
    assert judgement.reward is None
    assert not judgement.passed


def test_tests_are_counted_in_the_last_stage_that_ran_some() -> None:
    judgement = judge(result("tests", tests_passed=1, tests_run=1), result("orm"), score=2.0)
    assert (judgement.tests_passed, judgement.tests_run, judgement.stage) == (1, 1, "orm")
    judgement = judge(
        result("tests", tests_passed=1, tests_run=1),
        result("full", Verdict.WRONG_ANSWER, tests_passed=3, tests_run=4, detail="f(3)"),
    )
    assert (judgement.tests_passed, judgement.tests_run, judgement.detail) == (3, 4, "f(3)")
    assert judgement.filtered_by is None


def test_copies_share_the_outcome_and_only_the_first_is_none() -> None:
    group = Group.of(PROBLEM, (), Limits(), full=True, count=False)
    candidate = Candidate(group, "x = 1", [3, 0, 8])
    candidate.add([result("full", seconds=2.0)])
    judged = dict(candidate.judgements())
    assert {position: judgement.is_copy for position, judgement in judged.items()} == {3: False, 0: True, 8: True}
    assert {judgement.count for judgement in judged.values()} == {3}
    assert {judgement.verdict for judgement in judged.values()} == {Verdict.PASSED}


def test_a_problems_own_limits_take_the_place_of_the_defaults() -> None:
    group = Group.of(PROBLEM, parse_filters(["lint", "tests=2"]), Limits(wall_seconds=4), full=True, count=True)
    exact = Limits(cpu_seconds=7.0, memory_mib=99, wall_seconds=4)
    assert group.tasks == (
        LintTask("pylint"),
        worker.TestsTask("tests", (0, 1), exact, count=False),
        worker.TestsTask("full", None, exact, count=True),
    )


def test_what_the_first_try_cost_is_not_lost() -> None:
    group = Group.of(PROBLEM, (), Limits(), full=True, count=False)
    candidate = Candidate(group, "x = 1", [0], first_try=result("tests", Verdict.TIMEOUT, seconds=1.0, cpu_seconds=0.5))
    candidate.add([result("tests", seconds=2.0, cpu_seconds=1.5), result("full", seconds=4.0, cpu_seconds=4.0)])
    assert [(r.stage, r.verdict, r.seconds, r.cpu_seconds) for r in candidate.results] == [
        ("tests", Verdict.PASSED, 3.0, 2.0),
        ("full", Verdict.PASSED, 4.0, 4.0),
    ]
