"""How one call leads its programs: with a pool that runs nothing, so that times and faults are exact."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from fake_pool import BUDGET, PROBLEM, TESTS, FakePool, Results
from hypothesis import given, settings
from hypothesis import strategies as st

from staged_reward import admission, worker
from staged_reward.budget import SiblingBudget
from staged_reward.errors import InfraError, InputError
from staged_reward.filters import parse_filters
from staged_reward.limits import Limits
from staged_reward.pool import Jobs
from staged_reward.problem import Judgement, Problem, StageResult, Verdict
from staged_reward.verification import Verification
from staged_reward.worker import Job, Task


def verify(
    pool: FakePool,
    programs: Sequence[str | None],
    problems: Sequence[Problem] | None = None,
    *,
    filters: Sequence[str] = ("tests=1",),
    budget: SiblingBudget | None = BUDGET,
    scorer: Any = None,
    full: bool = False,
    count: bool = False,
) -> list[Judgement]:
    run = Verification(parse_filters(filters), Limits(cpu_seconds=3.0), budget, scorer, full=full, count=count)
    judged: dict[int, Judgement] = {}
    progress: list[int] = []
    for batch in run.run(pool, problems or [PROBLEM] * len(programs), programs, progress.append):  # type: ignore[arg-type]
        assert not judged.keys() & {position for position, _ in batch}
        judged.update(batch)
    assert sum(progress) == len(programs)
    return [judged[position] for position in range(len(programs))]


def lasts(*seconds: float) -> list[str]:
    """Programs that take these CPU times; all different."""
    return [f"t = {value}; name = {i}" for i, value in enumerate(seconds)]


def test_a_hanging_program_gets_the_budget_of_its_siblings() -> None:
    judgements = verify(FakePool(), lasts(0.01, 0.01, 0.01, 0.01, 99))
    assert [judgement.verdict for judgement in judgements] == ["passed"] * 4 + ["timeout"]
    assert judgements[-1].stages[-1].limit_seconds == pytest.approx(0.2)


def test_a_slow_program_passes_when_its_siblings_are_slow() -> None:
    judgements = verify(FakePool(), lasts(0.02, 0.02, 0.02, 0.02, 0.3))
    assert [judgement.verdict for judgement in judgements] == ["passed"] * 5
    assert judgements[-1].stages[-1].limit_seconds == 1.0


def test_a_slow_program_passes_when_its_siblings_are_too_few() -> None:
    judgements = verify(FakePool(), lasts(0.001, 0.001, 0.001, 2.9, 3.1))
    assert [judgement.verdict for judgement in judgements] == ["passed"] * 4 + ["timeout"]
    assert judgements[-1].stages[-1].limit_seconds == 3.0


def test_when_all_are_slow_all_get_the_exact_limit() -> None:
    judgements = verify(FakePool(), lasts(0.5, 0.5, 0.5, 0.5, 2.0, 9.0))
    assert [judgement.verdict for judgement in judgements] == ["passed"] * 5 + ["timeout"]


def test_slow_programs_run_last() -> None:
    pool = FakePool(depth=1)
    verify(pool, lasts(99, 0.01, 0.01, 0.01, 0.01, 0.01))
    assert [program.split(";")[0] for program, limit in pool.order][-1] == "t = 99"
    assert [limit for _, limit in pool.order] == [0.1] * 6 + [pytest.approx(0.2)]


@pytest.mark.parametrize(("seconds", "limits"), [(0.01, [0.2]), (0.05, [0.2, 1.0])])
def test_a_time_out_under_the_budget_that_its_siblings_make_is_the_last_word(
    seconds: float, limits: list[float]
) -> None:
    pool = FakePool()
    judgements = verify(pool, ["import yaml\nt = 99", *lasts(*[seconds] * 4)])
    assert [limit for source, limit in pool.order if "yaml" in source] == limits
    last = judgements[0].stages[-1]
    assert (last.verdict, last.is_budget, last.limit_seconds) == ("timeout", True, limits[-1])
    assert judgements[0].cpu_seconds == pytest.approx(sum(limits))


def test_a_program_that_waits_has_its_second_pass() -> None:
    runs = []

    def wait(job: Job, task: Task) -> StageResult | None:
        if "yaml" not in job.program or not isinstance(task, worker.TestsTask):
            return FakePool().perform(job, task)
        runs.append(task.limits.wall_seconds)
        seconds = task.limits.cpu_seconds
        return StageResult(stage="tests", verdict=Verdict.TIMEOUT, limit_seconds=seconds, program_cpu_seconds=0.01)

    verify(FakePool(answer=wait), ["import yaml", *lasts(*[0.01] * 4)])
    assert runs == [BUDGET.first_wall_seconds, Limits().wall_seconds]


def test_the_cost_of_the_first_try_is_counted() -> None:
    judgement = verify(FakePool(), lasts(0.01, 0.01, 0.01, 0.01, 99))[-1]
    assert judgement.cpu_seconds == pytest.approx(0.1 + 0.2)


def test_exact_limits_run_every_program_once() -> None:
    pool = FakePool()
    judgements = verify(pool, lasts(0.01, 2.0, 99), budget=None)
    assert [judgement.verdict for judgement in judgements] == ["passed", "passed", "timeout"]
    assert [limit for _, limit in pool.order] == [3.0] * 3


def test_a_fault_of_ours_makes_no_budget() -> None:
    programs = [f"tests = 'infra_error'; name = {i}" for i in range(9)] + lasts(0.5)
    judgements = verify(FakePool(), programs)
    assert judgements[-1].verdict is Verdict.PASSED
    assert judgements[-1].stages[-1].limit_seconds == 3.0


@settings(max_examples=60, deadline=None)
@given(
    times=st.lists(st.sampled_from([0.001, 0.004, 0.03, 0.09, 0.2, 0.5, 2.0, 9.0]), max_size=12),
    kinds=st.lists(st.sampled_from(["", "; lint = 'lint_error'", "; full = 'wrong_answer'"]), min_size=12, max_size=12),
    filters=st.sampled_from([("tests=1",), ("lint", "tests=1"), (), ("lint",)]),
    is_exact=st.booleans(),
    full=st.booleans(),
    count=st.booleans(),
    data=st.data(),
)
def test_verdicts_depend_on_neither_order_nor_number_of_workers(
    times: list[float],
    kinds: list[str],
    filters: Sequence[str],
    is_exact: bool,
    full: bool,
    count: bool,
    data: st.DataObject,
) -> None:
    programs = [program + kind for program, kind in zip(lasts(*times), kinds, strict=False)]
    shuffled = data.draw(st.permutations(programs))
    seed, depth = data.draw(st.integers(0, 99)), data.draw(st.integers(1, 9))
    how: dict[str, Any] = {"filters": filters, "budget": None if is_exact else BUDGET, "full": full, "count": count}
    expected = {j.program: j for j in verify(FakePool(depth=1), programs, **how)}
    for judgement in verify(FakePool(seed=seed, depth=depth), shuffled, **how):
        assert judgement == expected[judgement.program]


def test_a_lost_worker_is_an_infra_error_and_the_others_go_on() -> None:
    def answer(job: Job, task: Task) -> StageResult | None:
        return None if "kills" in job.program else pool.perform(job, task)

    pool = FakePool(answer=answer)
    judgements = verify(pool, ["kills = 1", "t = 0.01"], filters=("lint", "tests=1"), full=True)
    assert [judgement.verdict for judgement in judgements] == ["infra_error", "passed"]
    assert judgements[0].reward is None
    assert "lost" in judgements[0].detail


def test_a_fault_in_the_syntax_stage_is_an_infra_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> StageResult:
        raise InfraError("out of processes")

    monkeypatch.setattr(admission, "check_syntax", broken)
    monkeypatch.setattr(admission, "identity", broken)
    judgements = verify(FakePool(), ["x = 1", "x = 2", "x = 1"], filters=("syntax", "tests=1"))
    assert [judgement.verdict for judgement in judgements] == ["infra_error"] * 3
    assert [judgement.count for judgement in judgements] == [2, 1, 2]


def test_a_pool_that_is_closed_in_mid_run_is_an_error() -> None:
    class Closed(FakePool):
        def run(
            self, jobs: Jobs, problems: dict[int, Problem], *, deadline: float = math.inf
        ) -> Iterator[tuple[Job, Results]]:
            jobs.take(small_only=False)
            yield from ()

    with pytest.raises(InfraError, match="closed in the middle"):
        verify(Closed(), ["x = 1"])


LINT_FAILS = "lint = 'lint_error'; x = 1"
TESTS_FAIL = "tests = 'wrong_answer'; full = 'wrong_answer'"


def test_the_full_suite_also_runs_what_lint_removed() -> None:
    (judgement,) = verify(FakePool(), [LINT_FAILS], filters=("syntax", "lint", "tests=1"), full=True)
    assert (judgement.passed, judgement.filtered_by, judgement.stage) == (True, "lint", "full")
    assert [result.stage for result in judgement.stages] == ["syntax", "lint", "full"]
    assert judgement.reward == 0.0


def test_a_failed_tests_stage_settles_the_full_suite_unless_tests_are_counted() -> None:
    (judgement,) = verify(FakePool(), [TESTS_FAIL], full=True)
    assert (judgement.passed, judgement.filtered_by, judgement.stage) == (False, "tests", "tests")
    (judgement,) = verify(FakePool(), [TESTS_FAIL], full=True, count=True)
    assert (judgement.passed, judgement.filtered_by, judgement.stage) == (False, "tests", "full")
    assert [result.stage for result in judgement.stages] == ["tests", "full"]


class FakeOrm:
    """Scores by the number in `score = …`; keeps what it was asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[list[str], list[str]]] = []

    def score(self, prompts: Sequence[str], programs: Sequence[str]) -> list[float]:
        self.calls.append((list(prompts), list(programs)))
        return [float(program.split("score = ")[1].split(";")[0]) for program in programs]


def scored(*scores: str) -> list[str]:
    return [f"score = {score}" for score in scores]


def test_the_orm_orders_survivors_within_zero_and_one() -> None:
    programs = scored("0", "-1e9", "1e300", "-1e300", "2.5")
    judgements = verify(FakePool(), programs, scorer=FakeOrm())
    assert [judgement.score for judgement in judgements] == [0, -1e9, 1e300, -1e300, 2.5]
    rewards = [judgement.reward or 0.0 for judgement in judgements]
    assert 0 < rewards[3] < rewards[1] < rewards[0] < rewards[4] < rewards[2] <= 1
    assert {(judgement.stage, judgement.stages[-1].stage) for judgement in judgements} == {("orm", "orm")}


def test_the_orm_sees_only_survivors_once_each_with_the_problems_prompt() -> None:
    orm = FakeOrm()
    problem = Problem(task_id="q", prompt="Write f.", entry_point="f", tests=TESTS)
    programs = [*scored("1", "2", "1"), TESTS_FAIL, LINT_FAILS, None, "tests = 'infra_error'; score = 5"]
    judgements = verify(FakePool(), programs, [problem] * 7, filters=("lint", "tests=1"), scorer=orm)
    assert orm.calls == [(["Write f."] * 2, scored("1", "2"))]
    assert [judgement.score for judgement in judgements] == [1, 2, 1, None, None, None, None]
    assert [judgement.reward for judgement in judgements] == [0.875, pytest.approx(11 / 12), 0.875, 0, 0, 0, None]


def test_a_problem_without_survivors_does_not_wake_the_orm() -> None:
    orm = FakeOrm()
    assert [judgement.reward for judgement in verify(FakePool(), [TESTS_FAIL, None], scorer=orm)] == [0.0, 0.0]
    assert orm.calls == []


def test_the_full_suite_stays_the_last_word_after_the_orm() -> None:
    judgements = verify(FakePool(), ["score = 2; full = 'wrong_answer'", "score = 1"], scorer=FakeOrm(), full=True)
    assert [[result.stage for result in j.stages] for j in judgements] == [["tests", "orm", "full"]] * 2
    assert [(j.passed, j.score, j.reward) for j in judgements] == [(False, 2, 0.0), (True, 1, 1.0)]


@pytest.mark.parametrize("score", ["nan", "inf", "-inf"])
def test_a_score_that_is_no_number_is_our_fault_and_no_reward(score: str) -> None:
    with pytest.raises(InfraError, match=f"score {score} for a program of 'p'"):
        verify(FakePool(), scored(score), scorer=FakeOrm())


def test_an_orm_that_loses_a_program_is_refused() -> None:
    class Short:
        def score(self, prompts: Sequence[str], programs: Sequence[str]) -> list[float]:
            return [1.0]

    with pytest.raises(InputError, match="gave 1 scores for 2 programs"):
        verify(FakePool(), scored("1", "2"), scorer=Short())


def test_errors_of_the_orm_surface() -> None:
    class Broken:
        def score(self, prompts: Sequence[str], programs: Sequence[str]) -> list[float]:
            raise ZeroDivisionError("in the model")

    with pytest.raises(ZeroDivisionError, match="in the model"):
        verify(FakePool(), scored("1"), scorer=Broken())


def test_a_call_that_ends_early_does_not_wait_for_the_orm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("staged_reward.scoring.MOST", 1)  # each problem has a pass of its own

    class Slow(FakeOrm):
        def score(self, prompts: Sequence[str], programs: Sequence[str]) -> list[float]:
            time.sleep(0.1)
            return super().score(prompts, programs)

    problems = [Problem(task_id=str(i), tests=TESTS) for i in range(9)]
    orm = Slow()
    run = Verification(parse_filters(["tests=1"]), Limits(), BUDGET, orm, full=False, count=False)
    stream = run.run(FakePool(), problems, [*scored(*"12345678"), None], lambda count: None)  # type: ignore[arg-type]
    assert [position for position, _ in next(stream)] == [8]
    assert len(next(stream)) == 1
    stream.close()  # type: ignore[attr-defined]
    assert 1 <= len(orm.calls) <= 3  # that one, the one under way, and one that began just then


def test_problems_are_yielded_as_they_are_done() -> None:
    quick, slow = Problem(task_id="quick", tests=TESTS[:1]), Problem(task_id="slow", tests=TESTS[:1])
    run = Verification(parse_filters(["tests=1"]), Limits(), BUDGET, None, full=False, count=False)
    pool = FakePool(depth=1)
    stream = run.run(pool, [slow, quick, slow], ["t = 2", "x = 1", "x = 2"], lambda count: None)  # type: ignore[arg-type]
    batches = [[position for position, _ in batch] for batch in stream]
    assert batches == [[1], [0, 2]]


@given(st.integers(0, 8), st.integers(0, 9))
def test_at_a_deadline_what_has_an_outcome_keeps_it_and_the_rest_was_not_run(num_done: int, seed: int) -> None:
    programs = ["x = 1", "x = 2; tests = 'wrong_answer'", "x = 3", "x = 4", "def", None, "x = 1"]
    pool = FakePool(seed=seed, num_before_deadline=num_done)
    run = Verification(
        parse_filters(["tests=1"]), Limits(), BUDGET, None, full=False, count=False, deadline=time.monotonic()
    )
    judged = dict(item for batch in run.run(pool, [PROBLEM] * 7, programs, lambda _: None) for item in batch)  # type: ignore[arg-type]
    ran = {source for source, _ in pool.order}
    for position, source in enumerate(programs):
        final = {1: "wrong_answer", 4: "syntax_error", 5: "no_code"}.get(position, "passed")
        has_outcome = source in ran or position in (4, 5)
        assert judged[position].verdict == (final if has_outcome else "not_run")
        assert (judged[position].reward is None) == (not has_outcome)
    assert len(ran) == min(num_done, 4)


def test_at_a_deadline_survivors_without_a_score_were_not_run() -> None:
    pool = FakePool(num_before_deadline=1)
    run = Verification(
        parse_filters(["tests=1"]), Limits(), BUDGET, FakeOrm(), full=False, count=False, deadline=time.monotonic()
    )
    judged = dict(item for batch in run.run(pool, [PROBLEM] * 2, scored("1", "2"), lambda _: None) for item in batch)  # type: ignore[arg-type]
    assert [judged[i].verdict for i in range(2)] == ["not_run"] * 2


def test_at_a_deadline_what_passed_the_full_suite_needs_no_score() -> None:
    pool = FakePool(num_before_deadline=2)
    run = Verification((), Limits(), BUDGET, FakeOrm(), full=True, count=False, deadline=time.monotonic())
    judged = dict(
        item
        for batch in run.run(pool, [PROBLEM] * 3, scored("1", "2", "3"), lambda _: None)  # type: ignore[arg-type]
        for item in batch
    )
    assert sorted(str(judged[i].verdict) for i in range(3)) == ["not_run", "passed", "passed"]
    assert sorted(judged[i].reward or 0.0 for i in range(3)) == [0.0, 1.0, 1.0]


def test_what_a_filter_removed_can_be_spared_the_full_suite() -> None:
    program = "lint = 'lint_error'; x = 1"
    for spare_removed, verdict in ((False, "passed"), (True, "lint_error")):
        run = Verification(
            parse_filters(["lint"]), Limits(), BUDGET, None, full=True, count=False, spare_removed=spare_removed
        )
        [[(_, judgement)]] = run.run(FakePool(), [PROBLEM], [program], lambda _: None)  # type: ignore[arg-type]
        assert judgement.verdict == verdict
        assert judgement.reward == 0.0
