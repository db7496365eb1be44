"""Which order a history gives, that it changes no outcome, and that it survives a file."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from fake_pool import BUDGET, PROBLEM, TESTS, FakePool
from hypothesis import given
from hypothesis import strategies as st

from staged_reward.errors import InputError
from staged_reward.filters import parse_filters
from staged_reward.kill_history import KillHistory
from staged_reward.limits import Limits
from staged_reward.problem import AssertTest, Problem, StageResult, Verdict
from staged_reward.verification import Verification
from staged_reward.verifier import StagedVerifier


def failed_at(place: int, *, cpu_seconds: float = 0.01) -> StageResult:
    return StageResult(
        stage="full", verdict=Verdict.WRONG_ANSWER, tests_run=place + 1, tests_passed=place, cpu_seconds=cpu_seconds
    )


def test_what_kills_comes_first() -> None:
    history = KillHistory()
    for _ in range(3):
        history.note_tests(PROBLEM, range(5), failed_at(3))
    assert history.order_tests(PROBLEM)[0] == 3
    assert sorted(history.order_tests(PROBLEM)) == [0, 1, 2, 3, 4]


def test_of_two_that_kill_alike_the_cheaper_comes_first() -> None:
    history = KillHistory()
    for index, cost in ((4, 0.001), (2, 0.5)):
        for _ in range(4):
            history.note_tests(PROBLEM, [index], failed_at(0, cpu_seconds=cost))
    order = history.order_tests(PROBLEM)
    assert order.index(4) < order.index(2)


def test_without_history_the_order_is_as_given() -> None:
    assert KillHistory().order_tests(PROBLEM) == (0, 1, 2, 3, 4)
    assert KillHistory().order_tests(PROBLEM, [3, 1]) == (3, 1)
    assert KillHistory().order_stages(["lint", "tests"]) == ["lint", "tests"]


def test_a_cheap_filter_that_kills_comes_before_an_expensive_one() -> None:
    history = KillHistory()
    for number in range(10):
        lint = Verdict.LINT_ERROR if number == 0 else Verdict.PASSED
        history.note_filter(StageResult(stage="lint", verdict=lint, cpu_seconds=0.01))
        history.note_filter(StageResult(stage="tests", verdict=Verdict.WRONG_ANSWER, cpu_seconds=0.002))
    assert history.order_stages(["lint", "tests"]) == ["tests", "lint"]


def test_a_fault_of_ours_and_a_program_that_never_began_teach_nothing() -> None:
    history = KillHistory()
    history.note_filter(StageResult(stage="lint", verdict=Verdict.INFRA_ERROR, cpu_seconds=1))
    history.note_tests(PROBLEM, range(5), StageResult(stage="full", verdict=Verdict.INFRA_ERROR, tests_run=3))
    history.note_tests(PROBLEM, range(5), StageResult(stage="full", verdict=Verdict.RUNTIME_ERROR))
    assert history == KillHistory()


def test_a_problem_that_has_other_tests_now_starts_anew() -> None:
    history = KillHistory()
    history.note_tests(PROBLEM, range(5), failed_at(3))
    assert history.order_tests(Problem(task_id="p", entry_point="f", tests=TESTS[:2])) == (0, 1)


def test_a_history_survives_a_file(tmp_path: Path) -> None:
    history = KillHistory()
    history.note_tests(PROBLEM, range(5), failed_at(3))
    history.note_filter(StageResult(stage="lint", verdict=Verdict.PASSED, cpu_seconds=0.5))
    history.write(tmp_path / "history.json")
    assert KillHistory.read(tmp_path / "history.json") == history


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"filters": {}}',
        '{"filters": {"lint": [1, Infinity, 0.1]}, "tests": {}}',
        '{"filters": {"lint": [1, 2, 0.1]}, "tests": {}}',
    ],
)
def test_what_is_no_history_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "history.json").write_text(text)
    with pytest.raises(InputError, match="no kill history"):
        KillHistory.read(tmp_path / "history.json")


OUTCOMES = st.tuples(st.sets(st.integers(0, 4), max_size=3), st.sampled_from([0.01, 0.15, 9.0]))


@given(st.lists(OUTCOMES, min_size=1, max_size=20), st.integers(0, 99))
def test_an_order_that_is_learned_changes_nothing_that_passes(
    outcomes: list[tuple[set[int], float]], seed: int
) -> None:
    programs = [f"n = {i}; t = {seconds}; fails = {tuple(fails)}" for i, (fails, seconds) in enumerate(outcomes)]
    passed = []
    for history in (None, KillHistory()):
        run = Verification(parse_filters(["tests=2"]), Limits(), BUDGET, None, full=True, count=False, history=history)
        judged = run.run(FakePool(seed=seed), [PROBLEM] * len(programs), programs, lambda _: None)  # type: ignore[arg-type]
        passed.append({position: judgement.passed for batch in judged for position, judgement in batch})
    assert passed[0] == passed[1]
    assert len(passed[0]) == len(programs)


def test_programs_of_later_rounds_are_ended_by_the_test_that_kills() -> None:
    programs = [f"n = {i}; fails = (4,)" for i in range(40)]
    run = Verification((), Limits(), BUDGET, None, full=True, count=False, history=KillHistory())
    judged = run.run(FakePool(), [PROBLEM] * 40, programs, lambda _: None)  # type: ignore[arg-type]
    tests_run = [judgement.tests_run for batch in judged for _, judgement in batch]
    assert sum(num == 1 for num in tests_run) >= 36


def test_the_order_within_a_problem_does_not_depend_on_the_order_of_answers() -> None:
    """Rounds end before the next begins, so what a program is run with depends on the programs before it alone."""
    draw = random.Random(1)
    programs = [f"n = {i}; fails = ({draw.randrange(5)},)" for i in range(30)]
    found = []
    for seed in range(4):
        run = Verification((), Limits(), BUDGET, None, full=True, count=False, history=KillHistory())
        judged = run.run(FakePool(seed=seed, depth=5), [PROBLEM] * 30, programs, lambda _: None)  # type: ignore[arg-type]
        found.append({position: judgement.tests_run for batch in judged for position, judgement in batch})
    assert all(other == found[0] for other in found)


def test_statements_stay_in_their_order() -> None:
    """They share a namespace: a later one may need what an earlier one left."""
    statements = Problem(task_id="s", entry_point="f", tests=(AssertTest("x = f(1)"), AssertTest("assert x == 1")))
    history = KillHistory()
    for _ in range(3):
        history.note_tests(statements, [0, 1], failed_at(1))
    assert history.order_tests(statements) == (0, 1)


def test_statements_that_need_each_other_pass_under_every_strategy() -> None:
    problem = Problem(task_id="s", entry_point="f", tests=(AssertTest("x = f(1)"), AssertTest("assert x == 1")))
    programs = [f"def f(x): return {value}" for value in ("2 * x", "3 * x", "x", "x + 1", "x + 2")]
    with StagedVerifier((), full=True, workers=2, order="adaptive") as verifier:
        assert [judgement.passed for judgement in verifier.verify([problem] * 5, programs)] == [False] * 2 + [True] + [
            False
        ] * 2
        for strategy in ("certified", "budget=5"):
            [choice] = verifier.choose([problem] * 5, programs, strategy)
            assert choice.position == 2, strategy
            assert choice.certificate is not None
