"""StagedReward, called as TRL calls it: columns, hooks, metrics, and faults of ours."""

from __future__ import annotations

import inspect
import json
import math
import pickle
import threading
import time
from collections.abc import Iterator, Sequence
from time import thread_time
from typing import Any

import pytest

from staged_reward import InfraError, InputError, Judgement, Problem, StagedReward, StagedVerifier, Verdict
from staged_reward.gate import Gate
from staged_reward.limits import Limits
from staged_reward.problem import CallTest, StageResult
from staged_reward.schedule import Schedule

HUMANEVAL = {
    "task_id": "HumanEval/x",
    "entry_point": "add",
    "canonical_solution": "    return a + b\n",
    "test": "def check(candidate):\n    assert candidate(1, 2) == 3\n    assert candidate(0, 2) == 2\n",
}
HUMANEVAL_PROMPT = "def add(a, b):\n"
MBPP = {
    "task_id": 11,
    "text": "Write a function add.",
    "code": "def add(a, b):\n    return a + b",
    "test_list": ["assert add(1, 2) == 3"],
    "test_setup_code": "",
    "challenge_test_list": [],
}
MBPP_SANITIZED = {
    "task_id": 11,
    "source_file": "a.ipynb",
    "prompt": "Write a function add.",
    "code": "def add(a, b):\n    return a + b",
    "test_imports": [],
    "test_list": ["assert add(1, 2) == 3"],
}
NATIVE = {
    "task_id": "n",
    "prompt": "Add.",
    "entry_point": "add",
    "tests": [{"type": "call", "args": [1, 2], "expected": 3}],
}
CODECONTESTS = {
    "name": "1_A. Sum",
    "description": "Print the sum.",
    "public_tests": {"input": ["1 2\n"], "output": ["3\n"]},
    "private_tests": {"input": ["3 4\n"], "output": ["7\n"]},
    "generated_tests": {"input": [], "output": []},
    "time_limit": {"seconds": 2, "nanos": 0},
    "memory_limit_bytes": 256000000,
}
ADD = "```python\ndef add(a, b):\n    return a + b\n```"
SUBTRACT = "```python\ndef add(a, b):\n    return a - b\n```"
ADD_LINES = "```python\nprint(sum(map(int, input().split())))\n```"


PER_STAGE = ("in_frac", "kept_frac", "run_frac", "seconds", "cpu_seconds")


class FakeVerifier:
    """Gives the verdict that the program names; keeps the problems it was asked about."""

    stages = ("extract", "tests", "orm")
    gate = Gate()
    scorer = None
    num_workers = 2
    full = False
    children_seconds = 0.0

    def take_children_cpu_seconds(self) -> float:
        return self.children_seconds

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.num_tests: list[int | None] = []

    def verify(
        self,
        problems: Sequence[Problem],
        programs: Sequence[str | None],
        *,
        num_tests: int | None = None,
        deadline_seconds: float = math.inf,
    ) -> list[Judgement]:
        self.problems = list(problems)
        self.num_tests.append(num_tests)
        return [self._judge(problem, program) for problem, program in zip(problems, programs, strict=True)]

    def _judge(self, problem: Problem, program: str | None) -> Judgement:
        verdict = Verdict((program or "v = 'no_code'").split("'")[1])
        stage = "extract" if verdict is Verdict.NO_CODE else "tests"
        return Judgement(
            task_id=problem.task_id,
            verdict=verdict,
            stage=stage,
            passed=verdict is Verdict.PASSED,
            reward={Verdict.PASSED: 1.0, Verdict.INFRA_ERROR: None}.get(verdict, 0.0),
            detail="the disk is full",
            stages=(StageResult(stage=stage, verdict=verdict, seconds=0.5, cpu_seconds=0.25),),
        )


class Hooks:
    """The trainer's hooks."""

    def __init__(self) -> None:
        self.metrics: dict[str, float] = {}
        self.extras: list[tuple[str, list[Any]]] = []

    def log_metric(self, name: str, value: float) -> None:
        assert name not in self.metrics
        self.metrics[name] = value

    def log_extra(self, column: str, values: list[Any]) -> None:
        self.extras.append((column, values))


def fake_reward(**settings: Any) -> StagedReward:
    return StagedReward(FakeVerifier(), **settings)  # type: ignore[arg-type]


def call(reward: StagedReward, verdicts: Sequence[str], **more: Any) -> tuple[list[float | None], Hooks]:
    """Call with one native problem and completions that name verdicts."""
    num, hooks = len(verdicts), Hooks()
    completions = [f"v = '{verdict}'" if verdict != "no_code" else "" for verdict in verdicts]
    columns: dict[str, Any] = {"problem": [json.dumps(NATIVE)] * num, "trainer_state": object()}
    rewards = reward(
        prompts=["Add."] * num,
        completions=completions,
        completion_ids=[[1]] * num,
        log_metric=hooks.log_metric,
        log_extra=hooks.log_extra,
        **columns | more,
    )
    return rewards, hooks


@pytest.fixture(scope="module")
def verifier() -> Iterator[StagedVerifier]:
    with StagedVerifier(("syntax", "tests=1"), workers=1) as verifier:
        yield verifier


def rows(row: dict[str, Any], *, without: str = "prompt") -> dict[str, Any]:
    """The row as columns of two completions; TRL passes the prompt by another way."""
    return {key: [value, value] for key, value in row.items() if key != without}


COLUMNS = {
    "humaneval": (HUMANEVAL_PROMPT, rows(HUMANEVAL), ADD, SUBTRACT),
    "mbpp": ("Write a function add.", rows(MBPP), ADD, SUBTRACT),
    "mbpp sanitized": ("Write a function add.", rows(MBPP_SANITIZED), ADD, SUBTRACT),
    "codecontests": ("Print the sum.", rows(CODECONTESTS), ADD_LINES, ADD),
    "native": ("Add.", rows(NATIVE), ADD, SUBTRACT),
    "native among others": ("Add.", rows(NATIVE) | {"difficulty": [1, 1], "note": ["", ""]}, ADD, SUBTRACT),
    "a JSON row": ("Add.", {"problem": [json.dumps(NATIVE)] * 2}, ADD, SUBTRACT),
    "a row": ("Add.", {"problem": [NATIVE, NATIVE]}, ADD, SUBTRACT),
    "a JSON row of another schema": ("Add.", {"problem": [json.dumps(MBPP)] * 2}, ADD, SUBTRACT),
}


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("is_chat", [False, True], ids=["plain", "conversational"])
def test_the_columns_of_every_schema_are_understood(verifier: StagedVerifier, name: str, is_chat: bool) -> None:
    prompt, cells, right, wrong = COLUMNS[name]
    prompts: list[Any] = [prompt, prompt]
    completions: list[Any] = [right, wrong]
    if is_chat:
        prompts = [[{"role": "system", "content": "Be brief."}, {"role": "user", "content": prompt}]] * 2
        completions = [[{"role": "assistant", "content": text}] for text in completions]
    rewards = StagedReward(verifier)(prompts=prompts, completions=completions, completion_ids=[[1], [2]], **cells)
    assert rewards == [1.0, 0.0]


def test_a_plain_completion_continues_the_prompt(verifier: StagedVerifier) -> None:
    completions = ["    return a + b\n", "    return a - b\n"]
    rewards = StagedReward(verifier)([HUMANEVAL_PROMPT] * 2, completions, **rows(HUMANEVAL))
    assert rewards == [1.0, 0.0]


def test_a_task_id_is_looked_up_among_the_problems(verifier: StagedVerifier) -> None:
    problem = Problem(task_id="11", entry_point="add", tests=(CallTest((1, 2), {}, 3),))
    reward = StagedReward(verifier, problems=[problem])
    assert reward(prompts=["", ""], completions=[ADD, SUBTRACT], task_id=[11, "11"]) == [1.0, 0.0]
    with pytest.raises(InputError, match="column 'task_id' has 12, which is not among the 1 problems given"):
        reward(prompts=[""], completions=[ADD], task_id=[12])


def test_messages_may_lack_content_and_carry_other_keys(verifier: StagedVerifier) -> None:
    completions = [
        [{"role": "assistant", "content": None, "tool_calls": []}],
        [{"role": "assistant", "reasoning_content": "hm"}],
        [{"role": "assistant", "content": ADD, "reasoning_content": "hm"}],
        [
            {"role": "assistant", "content": SUBTRACT},
            {"role": "tool", "content": "no"},
            {"role": "assistant", "content": ADD},
        ],
        [],
    ]
    rewards = StagedReward(verifier)(prompts=["Add."] * 5, completions=completions, problem=[NATIVE] * 5)
    assert rewards == [0.0, 0.0, 1.0, 1.0, 0.0]


def test_nulls_that_arrow_fills_in_do_not_matter(verifier: StagedVerifier) -> None:
    filled = {"code": None, "stdin": None, "stdout": None, "check": None, "kwargs": None}
    tests = [[{**NATIVE["tests"][0], **filled}]]  # type: ignore[index]
    columns = {"task_id": ["n"], "entry_point": ["add"], "tests": tests, "setup": [None], "solution": [None]}
    assert StagedReward(verifier)(prompts=["Add."], completions=[ADD], **columns) == [1.0]


def test_rewards_are_floats_and_none_for_our_faults_only() -> None:
    rewards, _ = call(fake_reward(), [*sorted(set(Verdict) - {"infra_error", "not_run"}), "infra_error"])
    assert rewards.count(None) == 1
    assert rewards[-1] is None
    assert all(type(reward) is float for reward in rewards[:-1])
    assert sorted(reward or 0.0 for reward in rewards)[-2:] == [0.0, 1.0]


def test_an_empty_call_gives_no_rewards() -> None:
    assert call(fake_reward(), [])[0] == []


@pytest.mark.parametrize("columns", [{}, {"answer": ["x"]}])
def test_columns_without_a_problem_are_an_input_error(columns: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="is missing from the columns"):
        fake_reward()(prompts=["p"], completions=["c"], **columns)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("Find x.", "column 'problem' is 'Find x.', which is not JSON"),
        ("[1]", "column 'problem' is '[1]'; give a problem's row"),
        (None, "column 'problem' is None; give a problem's row"),
        (json.dumps(NATIVE | {"tests": []}), "key 'tests' is []; give at least one test"),
    ],
)
def test_a_problem_column_of_something_else_is_an_input_error(value: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        fake_reward()(prompts=["p"], completions=["c"], problem=[value])
    assert message in str(caught.value)


def test_objects_that_trainers_add_are_not_columns() -> None:
    others = {"environments": None, "step": 3, "note": "text", "extras": [1, 2, 3]}
    assert call(fake_reward(), ["passed", "passed"], **others)[0] == [1.0, 1.0]


def test_equal_rows_are_one_problem_across_calls_and_other_rows_are_not() -> None:
    reward = fake_reward()
    other = {**NATIVE, "prompt": "Add two."}
    seen = []
    for problems in ([NATIVE, dict(NATIVE), other], [NATIVE, NATIVE, other]):
        reward(prompts=["p"] * 3, completions=["v = 'passed'"] * 3, problem=[json.dumps(row) for row in problems])
        seen.append(list(reward.verifier.problems))  # type: ignore[attr-defined]
    assert seen[0][0] is seen[0][1]
    assert seen[0][0] is not seen[0][2]
    assert [problem.prompt for problem in seen[0]] == ["Add.", "Add.", "Add two."]
    assert seen[1][0] is seen[1][1]


def test_problems_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("staged_reward.reward.MAX_KNOWN_PROBLEMS", 3)
    reward = fake_reward()
    for number in range(9):
        reward(prompts=["p"], completions=["v = 'passed'"], problem=[NATIVE | {"task_id": str(number)}])
    assert len(reward._known) == 3


def test_hooks_may_be_absent(verifier: StagedVerifier) -> None:
    assert StagedReward(verifier)(["Add."], [ADD], problem=[NATIVE]) == [1.0]


def test_metrics_have_the_same_names_at_every_call_and_are_finite_floats() -> None:
    reward = fake_reward(max_infra_rate=1.0, name="mine")
    names = []
    for verdicts in (["passed"], ["wrong_answer"] * 3, ["infra_error"], ["no_code"] * 2, ["passed", "infra_error"]):
        metrics = call(reward, verdicts)[1].metrics
        assert all(type(value) is float and math.isfinite(value) for value in metrics.values())
        names.append(set(metrics))
    assert names == [names[0]] * 5
    assert all(name.startswith("mine/") for name in names[0])
    numbers = {
        "seconds",
        "cpu_seconds",
        "dollars",
        "tokens",
        "programs",
        "survived_frac",
        "infra_frac",
        "late_frac",
        "passed_frac",
        "known_frac",
        "distinct_frac",
    }
    stages = {f"{kind}/{stage}" for kind in PER_STAGE for stage in FakeVerifier.stages} | {"cpu_seconds/other"}
    verdicts_ = {f"verdict_frac/{verdict}" for verdict in Verdict}
    scoring = {"orm_distinct_prefixes", "orm_computed_tokens", "orm_reused_tokens", "orm_padding_tokens", "orm_flops"}
    assert names[0] == {f"mine/{name}" for name in numbers | stages | verdicts_ | scoring}


def test_metrics_are_counted_by_hand() -> None:
    _, hooks = call(fake_reward(max_infra_rate=1.0), ["passed", "wrong_answer", "no_code", "infra_error"])
    metrics = {name.removeprefix("staged_reward/"): value for name, value in hooks.metrics.items()}
    assert metrics["infra_frac"] == 0.25
    assert metrics["passed_frac"] == 0.25
    assert metrics["kept_frac/extract"] == 0.75
    assert metrics["kept_frac/tests"] == 0.25
    assert metrics["kept_frac/orm"] == 0.0
    assert metrics["seconds/tests"] == 1.5
    assert metrics["cpu_seconds/tests"] == 0.75


def test_cpu_seconds_are_those_of_the_call_and_the_verifiers_processes() -> None:
    reward = fake_reward()
    for new in (7.0, 2.5):
        reward.verifier.children_seconds = new  # type: ignore[attr-defined]
        before = thread_time()
        metrics = call(reward, ["passed", "wrong_answer"])[1].metrics
        own = thread_time() - before
        assert new < metrics["staged_reward/cpu_seconds"] < new + own
        assert metrics["staged_reward/cpu_seconds"] == pytest.approx(0.5 + metrics["staged_reward/cpu_seconds/other"])


def test_real_metrics_name_every_stage(verifier: StagedVerifier) -> None:
    hooks = Hooks()
    completions = [ADD, ADD, SUBTRACT, "no idea"]
    StagedReward(verifier)(["Add."] * 4, completions, problem=[NATIVE] * 4, log_metric=hooks.log_metric)
    metrics = {name.removeprefix("staged_reward/"): value for name, value in hooks.metrics.items()}
    kept = {stage: metrics[f"kept_frac/{stage}"] for stage in verifier.stages}
    assert kept == {"extract": 0.75, "syntax": 0.75, "tests": 0.5}
    assert metrics["distinct_frac"] == 0.75


def test_extra_columns_are_logged_once_with_one_value_per_completion() -> None:
    verdicts = ["passed", "no_code", "timeout", "wrong_answer"]
    _, hooks = call(fake_reward(), verdicts)
    assert hooks.extras == [("staged_reward/verdict", verdicts)]


def test_too_many_faults_of_ours_stop_the_training() -> None:
    with pytest.raises(InfraError) as caught:
        call(fake_reward(max_infra_rate=0.25), ["infra_error", "infra_error", "passed", "passed"])
    message = "2 of 4 completions could not be verified, above max_infra_rate=0.25; the first: the disk is full"
    assert message in str(caught.value)
    assert call(fake_reward(max_infra_rate=0.25), ["infra_error", "passed", "passed", "passed"])[0][0] is None
    with pytest.raises(InfraError):
        call(fake_reward(max_infra_rate=0), ["infra_error", *["passed"] * 99])


@pytest.mark.parametrize("rate", [-0.1, 1.5, math.nan])
def test_a_rate_that_is_none_is_an_input_error(rate: float) -> None:
    with pytest.raises(InputError, match="max_infra_rate"):
        fake_reward(max_infra_rate=rate)


def test_the_name_is_what_the_trainer_shows() -> None:
    assert fake_reward().__name__ == "staged_reward"
    assert fake_reward(name="code").__name__ == "code"


def test_it_is_a_plain_synchronous_callable() -> None:
    reward = fake_reward()
    assert not inspect.iscoroutinefunction(reward)
    assert not inspect.iscoroutinefunction(reward.__call__)
    parameters = inspect.signature(reward).parameters
    assert list(parameters)[:3] == ["prompts", "completions", "completion_ids"]


def test_it_is_picklable_and_the_copy_works(verifier: StagedVerifier) -> None:
    reward = StagedReward(verifier, name="code")
    reward(["Add."], [ADD], problem=[NATIVE])
    copy = pickle.loads(pickle.dumps(reward))
    assert copy.__name__ == "code"
    with copy.verifier:
        assert copy(["Add."] * 2, [ADD, SUBTRACT], problem=[NATIVE] * 2) == [1.0, 0.0]


def test_it_works_in_several_threads_at_once(verifier: StagedVerifier) -> None:
    reward = StagedReward(verifier)
    results: list[list[float | None]] = []

    def work() -> None:
        results.append(reward(["Add."] * 2, [ADD, SUBTRACT], problem=[NATIVE] * 2))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [[1.0, 0.0]] * 4


class State:
    global_step, max_steps = 50, 100


def test_tests_follow_their_schedule() -> None:
    reward = fake_reward(tests=Schedule(((0.0, 1), (0.5, 3))))
    call(reward, ["passed"])
    call(reward, ["passed"], trainer_state=State())
    assert reward.verifier.num_tests == [1, 3]  # type: ignore[attr-defined]


def test_without_a_schedule_the_verifier_decides() -> None:
    reward = fake_reward()
    call(reward, ["passed"], trainer_state=State())
    assert reward.verifier.num_tests == [None]  # type: ignore[attr-defined]


class Scores:
    """Longer programs are better."""

    def score(self, prompts: Sequence[str], programs: Sequence[str]) -> list[float]:
        return [float(len(program)) for program in programs]


def test_the_weight_of_the_reward_model_follows_its_schedule() -> None:
    completions = [ADD, ADD.replace("return", "longer = True\n    return"), SUBTRACT]
    with StagedVerifier(("tests=1",), Scores(), workers=1) as verifier:
        reward = StagedReward(
            verifier, gate=Gate(scale="group"), orm_weight=Schedule(((0.0, 1.0), (1.0, 0.0)), "linear")
        )
        for state, expected in ((None, [0.5, 1.0, 0.0]), (State(), [0.75, 1.0, 0.0])):
            assert reward(["Add."] * 3, completions, trainer_state=state, problem=[NATIVE] * 3) == expected


def test_more_tests_than_a_problem_has_are_all_of_them() -> None:
    with StagedVerifier(("tests=1",), workers=1) as verifier:
        reward = StagedReward(verifier, tests=Schedule(((0.0, 99),)))
        assert reward(["Add."] * 2, [ADD, SUBTRACT], problem=[NATIVE] * 2) == [1.0, 0.0]


def test_a_schedule_of_tests_needs_a_filter_of_tests() -> None:
    with StagedVerifier(("syntax",), workers=1) as verifier:
        reward = StagedReward(verifier, tests=Schedule(((0.0, 1),)))
        with pytest.raises(InputError, match="no filter runs tests"):
            reward(["Add."], [ADD], problem=[NATIVE])


def test_a_call_ends_at_its_deadline_and_says_what_is_missing() -> None:
    sleeper = ADD.replace("return", "__import__('time').sleep(60)\n    return")
    hooks = Hooks()
    with StagedVerifier((), full=True, workers=1, limits=Limits(wall_seconds=60.0), time_limit="exact") as verifier:
        assert StagedReward(verifier)(["Add."], [ADD], problem=[NATIVE]) == [1.0]  # workers are started
        reward = StagedReward(verifier, deadline_seconds=5.0)
        began = time.monotonic()
        rewards = reward(["Add."] * 3, [ADD, SUBTRACT, sleeper], problem=[NATIVE] * 3, log_metric=hooks.log_metric)
        assert 5.0 <= time.monotonic() - began < 20.0
        assert rewards == [1.0, 0.0, None]
        assert hooks.metrics["staged_reward/late_frac"] == pytest.approx(1 / 3)
        assert hooks.metrics["staged_reward/infra_frac"] == 0.0
        assert StagedReward(verifier)(["Add."], [ADD], problem=[NATIVE]) == [1.0]


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.nan])
def test_a_deadline_that_cannot_be_kept_is_refused(seconds: float) -> None:
    with pytest.raises(InputError, match="deadline_seconds"):
        fake_reward(deadline_seconds=seconds)


SPINNING = "import time\ndef f(a, b):\n    while time.process_time() < 0.3: pass\n    return a + b\n"
SPIN_PROBLEM = Problem(task_id="t", entry_point="f", tests=(CallTest((1, 2), expected=3),))


def test_the_cpu_seconds_of_a_verifiers_processes_are_taken_once_even_when_they_have_ended() -> None:
    with StagedVerifier(("syntax", "tests=1"), workers=1) as verifier:
        assert verifier.take_children_cpu_seconds() == 0.0
        verifier.verify([SPIN_PROBLEM], [SPINNING])
        assert verifier.take_children_cpu_seconds() > 0.3
        judgements = verifier.verify([SPIN_PROBLEM] * 2, [SPINNING, SPINNING + "x = 1\n"])
        verifier.close()
        spent = sum(judgement.stages[-1].cpu_seconds for judgement in judgements)
        assert 0.6 < spent < verifier.take_children_cpu_seconds() + 0.05 < spent + 0.3
        assert verifier.take_children_cpu_seconds() == 0.0
        verifier.verify([SPIN_PROBLEM], [SPINNING])
        one, other = (StagedReward(verifier) for _ in range(2))
        columns = {"problem": [NATIVE], "completions": [ADD], "prompts": ["Add."]}
        seconds = []
        for reward in (one, other, one):
            hooks = Hooks()
            reward(**columns, log_metric=hooks.log_metric)  # type: ignore[arg-type]
            seconds.append(hooks.metrics["staged_reward/cpu_seconds"])
        assert seconds[0] > 0.3 > max(seconds[1:])
