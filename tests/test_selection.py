"""Strategies: what they choose, and that they run no more than that takes. With a pool that runs nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from fake_pool import BUDGET, PROBLEM, TESTS, FakePool
from hypothesis import given
from hypothesis import strategies as st

from staged_reward import worker  # pytest would collect a `TestsTask` of its own name
from staged_reward.budget import SiblingBudget
from staged_reward.errors import InfraError, InputError
from staged_reward.filters import parse_filters
from staged_reward.kill_history import KillHistory
from staged_reward.limits import Limits
from staged_reward.pool import Jobs
from staged_reward.problem import Problem, StageResult, StdioTest, Verdict
from staged_reward.selection.choice import Choice
from staged_reward.selection.selection import Selection
from staged_reward.selection.strategy import Budgeted, Certified, parse_strategy
from staged_reward.verification import Verification
from staged_reward.worker import Job, Task

EXACT = Limits(cpu_seconds=3.0)


Outcome = tuple[tuple[int, ...], float, bool]  # tests that fail, CPU seconds, whether it imports slowly


def choose(
    pool: FakePool,
    programs: Sequence[str | None],
    strategy: str = "certified",
    *,
    ranker: str = "majority",
    filters: Sequence[str] = (),
    budget: SiblingBudget | None = BUDGET,
    scorer: Any = None,
    history: KillHistory | None = None,
    problems: Sequence[Problem] | None = None,
) -> list[Choice]:
    run = Selection(parse_strategy(strategy), ranker, parse_filters(filters), EXACT, budget, scorer, history, 0)
    return list(run.run(pool, problems or [PROBLEM] * len(programs), programs, lambda _: None))  # type: ignore[arg-type]


class Scores:
    """Scores what programs say of themselves."""

    def score(self, prompts: Sequence[str], programs: Sequence[str]) -> list[float]:
        return [float(program.partition("score = ")[2].partition(";")[0]) for program in programs]


def program(number: int, *, fails: Sequence[int] = (), seconds: float = 0.01, imports_slowly: bool = False) -> str:
    head = "import yaml\n" if imports_slowly else ""  # installed, and not loaded beforehand
    return f"{head}number = {number}; t = {seconds}; fails = {tuple(fails)}"


def programs_of(outcomes: Sequence[Outcome]) -> list[str]:
    return [program(i, fails=one[0], seconds=one[1], imports_slowly=one[2]) for i, one in enumerate(outcomes)]


OUTCOMES = st.tuples(
    st.sampled_from([(), (0,), (4,), (1, 3), (0, 1, 2, 3, 4)]),
    st.sampled_from([0.01, 0.05, 0.15, 0.5, 2.0, 9.0]),
    st.booleans(),
)


@given(st.lists(OUTCOMES, min_size=1, max_size=12), st.integers(0, 99), st.integers(1, 6), st.booleans())
def test_certified_finds_a_passing_program_exactly_where_the_full_suite_does(
    outcomes: list[Outcome], seed: int, depth: int, has_budget: bool
) -> None:
    programs = programs_of(outcomes)
    budget = BUDGET if has_budget else None
    full = Verification((), EXACT, budget, None, full=True, count=False)
    judged = full.run(FakePool(), [PROBLEM] * len(programs), programs, lambda _: None)  # type: ignore[arg-type]
    passes = {position for batch in judged for position, judgement in batch if judgement.passed}
    [choice] = choose(FakePool(seed=seed, depth=depth), programs, budget=budget)
    assert (choice.certificate is not None) == bool(passes)
    assert choice.certificate is None or choice.position in passes


@given(st.lists(OUTCOMES, min_size=1, max_size=12), st.integers(0, 99), st.integers(2, 6))
def test_the_certified_choice_does_not_depend_on_how_many_run_at_once(
    outcomes: list[Outcome], seed: int, depth: int
) -> None:
    programs = programs_of(outcomes)
    [alone] = choose(FakePool(depth=1), programs)
    [together] = choose(FakePool(seed=seed, depth=depth), programs)
    assert (alone.position, alone.certificate) == (together.position, together.certificate)


def test_nothing_below_the_first_that_passes_is_run() -> None:
    programs = [program(1, fails=[0])] * 3 + [program(2)] * 2 + [program(3)]
    pool = FakePool(depth=1)
    [choice] = choose(pool, programs)
    assert choice.position == 3
    assert [source.partition(";")[0] for source, _ in pool.order] == ["number = 1", "number = 2"]
    assert [dict(choice.judgements)[i].verdict for i in range(6)] == ["wrong_answer"] * 3 + ["passed"] * 2 + ["not_run"]
    assert dict(choice.judgements)[5].reward is None
    assert choice.num_run == 2


def test_what_hangs_waits_and_does_not_run_again_where_another_passes() -> None:
    programs = [program(1, seconds=99)] * 3 + [program(2)]
    pool = FakePool(depth=1)
    [choice] = choose(pool, programs)
    assert choice.position == 3
    assert [limit for _, limit in pool.order] == [BUDGET.first_seconds, BUDGET.first_seconds]
    assert dict(choice.judgements)[0].verdict == "not_run"


def test_where_nothing_passes_what_hung_gets_the_limit_of_a_full_verification() -> None:
    programs = [*(program(i, fails=[0]) for i in range(4)), program(9, seconds=99)]
    pool = FakePool(depth=1)
    [choice] = choose(pool, programs)
    assert choice.certificate is None
    assert pool.order[-1][1] == pytest.approx(0.2)


@pytest.mark.parametrize(("seconds", "limits"), [(0.01, [0.2]), (0.05, [0.2, 1.0])])
def test_what_imports_slowly_is_last_and_has_the_shortest_budget_at_once(seconds: float, limits: list[float]) -> None:
    programs = [program(9, seconds=99, imports_slowly=True)]
    programs += [program(i, fails=[0], seconds=seconds) for i in range(4)]
    pool = FakePool(depth=1)
    [choice] = choose(pool, programs)
    assert [limit for source, limit in pool.order if "yaml" in source] == limits
    assert [source.startswith("import") for source, _ in pool.order] == [False] * 4 + [True] * len(limits)
    assert dict(choice.judgements)[0].verdict == "timeout"
    assert dict(choice.judgements)[0].cpu_seconds == pytest.approx(sum(limits))


def test_other_problems_come_before_a_second_probe_of_one() -> None:
    problems = [Problem(task_id=str(i), entry_point="f", tests=TESTS) for i in range(3)]
    programs = [program(10 * i + j, fails=[0]) for i in range(3) for j in range(2)]
    pool = FakePool(depth=3)
    choose(pool, programs, problems=[problem for problem in problems for _ in range(2)])
    first = [int(source.partition(";")[0].split()[-1]) // 10 for source, _ in pool.order[:3]]
    assert sorted(first) == [0, 1, 2]


def test_a_filter_that_is_no_test_still_removes() -> None:
    programs = ["number = 1; lint = 'lint_error'; fails = ()", program(2)]
    [choice] = choose(FakePool(), programs, filters=("lint", "tests=1"))
    assert choice.position == 1
    [choice] = choose(FakePool(), programs[:1], filters=("lint",))
    assert choice.certificate is None


def test_the_orm_orders_what_the_filters_leave() -> None:
    programs = [f"{program(i)}; score = {score}" for i, score in enumerate([1.0, 3.0, 2.0])]
    programs.append(f"{program(4, fails=[0])}; score = 9.0")
    pool = FakePool(depth=1)
    [choice] = choose(pool, programs, ranker="orm", filters=("tests=1",), scorer=Scores())
    assert choice.position == 1
    assert dict(choice.judgements)[3].filtered_by == "tests"
    assert choice.ranking == (1, 2, 0, 3)


def test_without_code_that_compiles_there_is_no_choice() -> None:
    for filters in ((), ("syntax",), ("lint=ruff",)):
        [choice] = choose(FakePool(), [None, None, "def"], filters=filters)
        assert (choice.position, choice.program, choice.certificate) == (None, None, None)
        assert sorted(judgement.verdict for _, judgement in choice.judgements) == ["no_code"] * 2 + ["syntax_error"]


def test_what_does_not_compile_is_not_run() -> None:
    pool = FakePool()
    [choice] = choose(pool, ["def", program(1)], filters=("syntax",))
    assert choice.position == 1
    assert len(pool.order) == 1


def test_where_nothing_passes_the_choice_passed_the_most_tests() -> None:
    programs = [program(1, fails=[0])] * 3 + [program(2, fails=[4]), program(3, fails=[2])]
    for strategy in ("certified", "budget=9"):
        [choice] = choose(FakePool(), programs, strategy)
        assert choice.position == 3, strategy


def test_a_lost_worker_is_a_fault_and_not_a_failed_program() -> None:
    for strategy in ("certified", "budget=1"):
        [choice] = choose(FakePool(answer=lambda job, task: None), [program(1)], strategy)
        assert choice.num_faults == 1
        assert choice.certificate is None
        assert dict(choice.judgements)[0].verdict == "infra_error"


@given(
    st.lists(OUTCOMES, min_size=1, max_size=10),
    st.sampled_from([0.02, 0.1, 0.4, 2.0, 30.0]),
    st.booleans(),
    st.booleans(),
)
def test_a_budget_is_kept(outcomes: list[Outcome], cpu_seconds: float, has_budget: bool, is_stdio: bool) -> None:
    """Also where every test is a process with a limit of its own."""
    tests = tuple(StdioTest(str(i), "") for i in range(20)) if is_stdio else TESTS
    problem = Problem(task_id="b", entry_point="f", tests=tests)
    programs = programs_of(outcomes)
    pool = FakePool(answer=per_test if is_stdio else None)
    [choice] = choose(
        pool,
        programs,
        f"budget={cpu_seconds}",
        budget=BUDGET if has_budget else None,
        problems=[problem] * len(programs),
    )
    results = [result for _, judgement in choice.judgements if not judgement.is_copy for result in judgement.stages]
    assert sum(result.cpu_seconds for result in results if result.stage == "full") <= cpu_seconds + 1e-6


def per_test(job: Job, task: Task) -> StageResult:
    """Each test takes `t`, or the limit: what `stdio` tests do."""
    values: dict[str, Any] = {}
    exec(job.program, values)
    assert isinstance(task, worker.TestsTask)
    assert task.indices is not None
    limit, spent, num_passed, verdict = task.limits.cpu_seconds, 0.0, 0, Verdict.PASSED
    for index in task.indices:
        spent += min(values["t"], limit)
        if values["t"] > limit or index in values["fails"]:
            verdict = Verdict.TIMEOUT if values["t"] > limit else Verdict.WRONG_ANSWER
            break
        num_passed += 1
    return StageResult(
        stage="full",
        verdict=verdict,
        seconds=spent,
        cpu_seconds=spent,
        tests_run=num_passed + (verdict is not Verdict.PASSED),
        tests_passed=num_passed,
        limit_seconds=limit,
    )


@pytest.mark.parametrize("has_budget", [True, False])
def test_a_program_that_waits_is_not_run_for_ever(has_budget: bool) -> None:
    """It uses no CPU time, so no budget ends it."""

    def waits(job: Job, task: Task) -> StageResult:
        pool.order.append(("", 0.0))
        limit = task.limits.cpu_seconds  # type: ignore[union-attr]
        return StageResult(
            stage="full", verdict=Verdict.TIMEOUT, seconds=10.0, cpu_seconds=0.001, tests_run=1, limit_seconds=limit
        )

    pool = FakePool(answer=waits)
    [choice] = choose(pool, [program(1)], "budget=2", budget=BUDGET if has_budget else None)
    assert len(pool.order) <= 5
    assert choice.certificate is None


def test_many_tests_are_no_trouble() -> None:
    """A wrong program's chance to survive hundreds of tests is no number that a float can hold."""
    problem = Problem(task_id="many", entry_point="f", tests=tuple(StdioTest(str(i), "") for i in range(3000)))
    programs = [program(i, fails=[i % 3], seconds=0.001) for i in range(12)] + [
        program(99, fails=[2999], seconds=0.001)
    ]
    [choice] = choose(FakePool(answer=per_test), programs, "budget=50", budget=None, problems=[problem] * len(programs))
    assert choice.certificate is None
    assert choice.position is not None


@pytest.mark.parametrize("strategy", ["certified", "budget=1"])
def test_a_line_that_looks_like_an_import_is_no_trouble(strategy: str) -> None:
    odd = [
        "import .x",
        "import a, .b",
        '"""\n    import .utils\n"""\nnumber = 1; t = 0.01; fails = ()',
        "import",
        "import ,",
    ]
    [choice] = choose(FakePool(), odd, strategy)
    assert choice.position == 2


@pytest.mark.parametrize("strategy", ["certified", "budget=1"])
def test_a_verifier_that_is_closed_in_mid_call_is_an_error(strategy: str) -> None:
    class Closed(FakePool):
        def run(self, jobs: Jobs, problems: dict[int, Problem], *, deadline: float = math.inf) -> Iterator[Any]:
            jobs.take(small_only=False)
            yield from ()

    with pytest.raises(InfraError, match="closed in the middle"):
        choose(Closed(), [program(1)], strategy)


@given(st.lists(OUTCOMES, min_size=1, max_size=10))
def test_with_a_large_budget_the_choice_is_as_good_as_certified(
    outcomes: list[Outcome],
) -> None:
    programs = programs_of(outcomes)
    [spent] = choose(FakePool(), programs, "budget=1000", budget=None)
    [certified] = choose(FakePool(), programs, budget=None)
    assert (spent.certificate is None) == (certified.certificate is None)


def test_a_budget_is_spent_on_few_tests_of_many_rather_than_on_all_of_one() -> None:
    """Tests take long: one test of each tells more than all tests of one."""
    problem = Problem(task_id="long", tests=tuple(StdioTest(str(i), "") for i in range(200)))
    programs = [program(i, fails=[0], seconds=0.02) for i in range(8)] + [program(9, seconds=0.02)]
    [choice] = choose(FakePool(answer=per_test), programs, "budget=0.6", problems=[problem] * 9, budget=None)
    assert choice.position == 8  # all tests of it would take 4 s
    assert choice.certificate is None


def test_strategies_are_read_from_words() -> None:
    assert parse_strategy("certified") == Certified()
    assert parse_strategy(" budget=2.5 ") == Budgeted(2.5)
    for word, message in (
        ("certifid", "did you mean 'certified'"),
        ("budget", "CPU seconds per problem"),
        ("budget=x", "CPU seconds per problem"),
        ("budget=0", "positive"),
        ("budget=inf", "finite"),
        ("certified=1", "unknown strategy"),
    ):
        with pytest.raises(InputError, match=message):
            parse_strategy(word)


def test_a_learned_order_runs_the_test_that_kills_first() -> None:
    programs = [program(i, fails=[4]) for i in range(12)]
    [choice] = choose(FakePool(depth=1), programs, history=KillHistory())
    tests_run = [judgement.tests_run for _, judgement in choice.judgements]
    assert sorted(tests_run) == [1] * 11 + [5]
