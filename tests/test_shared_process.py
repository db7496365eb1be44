"""Self-contained programs that fail in one process, in turn: the same verdicts as in processes of their own, and nothing
that one leaves behind for the next."""

from __future__ import annotations

import functools
import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from staged_reward import InfraError, Judgement, Limits, Problem, StagedVerifier, Verdict, worker
from staged_reward.problem import AssertTest, CallTest, StageResult
from staged_reward.sandbox import shared
from staged_reward.sandbox.host import ForkServer
from staged_reward.sandbox.suite import Suite
from staged_reward.worker import Job, Lesson, Worker

FIRST_PASS = Limits(cpu_seconds=0.03, wall_seconds=2.0)
PROBLEM = Problem(
    task_id="double", entry_point="f", tests=tuple(CallTest(args=(x,), expected=2 * x) for x in range(20))
)
PASSES = "def f(x):\n    return 2 * x"
FAILS = "def f(x):\n    return x"
HANGS = "def f(x):\n    while x:\n        x += 1\n    return 0 * x"
REPEATS = "def f(x):\n    while x:\n        pass\n    return 0 * x"
LOOPS_AT_ITS_END = """
def g():
    try:
        yield 1
    finally:
        while True:
            pass

kept = [g()]
next(kept[0])

def f(x):
    return 7
"""
PROGRAMS = [
    PASSES,
    FAILS,
    HANGS,
    REPEATS,
    LOOPS_AT_ITS_END,
    "def f(x):\n    return 2 * x if x < 3 else x",
    "def f(x):\n    return 2 * x if x < 18 else x",  # fails after the tests of a turn
    "def f(x):\n    raise ValueError(x)",
    "def f(x):\n    return [0] * 10 ** 12",
    "def f(x):\n    return f(x)",
    "def f(x):\n    return lambda: x",
    "def f(x):\n    print('x' * 100_000)\n    return x",
    "def f(x, seen=[]):\n    seen.append(x)\n    return 2 * x if len(seen) < 5 else 0",
    "total = 0\ndef f(x):\n    global total\n    total += x\n    return total",
    "total += 1\ndef f(x):\n    return total",
    "def f(x):\n    return total",
    "def g(x):\n    return 2 * x",
    "def f(x):\n    return 2 * x\nundefined",
    "def f(x:\n    return 2 * x",
    "import math\ndef f(x):\n    return math.floor(2.5 * x)",
    "import os\ndef f(x):\n    return len(os.sep)",
    "def f(x):\n    try:\n        return f(x)\n    except Exception:\n        return 'deep'",
    "while True:\n    pass",
    "from typing import Dict, List\nkept = Dict[True, 2], List[-0.0]\ndef f(x):\n    return 0",
    "from typing import Dict, List\ndef f(x):\n    return str((Dict[1, 2], List[0.0]))",
    "import re\ndef f(x):\n    return re.compile('a', re.I).pattern",
    "import re\ndef f(x):\n    return re.compile('a', re.I).match('A').group() * re.compile('a', 2.0).groups",
    "def f(x):\n    return 'a'.encode('big5')",
    "import hashlib\ndef f(x):\n    return hashlib.md5(b'a').hexdigest()",
]


@pytest.fixture(scope="module", autouse=True)
def from_the_first_program_on() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shared, "MIN_PROGRAMS", 0)
        yield


@pytest.fixture(scope="module")
def process() -> Iterator[Worker]:
    made = Worker()
    made.learn(Lesson(0, PROBLEM))
    yield made
    made.close()


def judge(process: Worker, program: str, limits: Limits = FIRST_PASS, count: bool = False) -> StageResult:
    (result,) = process.perform(Job(0, 0, program, (worker.TestsTask("full", None, limits, count),)))
    return result


@functools.cache
def judge_alone(program: str) -> StageResult:
    alone = Worker(share=False)
    alone.learn(Lesson(0, PROBLEM))
    result = judge(alone, program)
    alone.close()
    return result


def turns_of(process: Worker) -> tuple[object, int]:
    assert process._shared is not None
    return process._shared._guest, process._shared._num_programs


def same(found: Judgement | StageResult) -> tuple[object, ...]:
    detail = "" if found.verdict is Verdict.TIMEOUT else found.detail  # in turn it may be known that it never ends
    return found.verdict, found.tests_passed, found.tests_run, detail


@pytest.mark.parametrize("time_limit", ["siblings", "exact"])
def test_verdicts_are_those_of_processes_of_their_own(time_limit: str) -> None:
    found = []
    for share in (True, False):
        with StagedVerifier(
            (), full=True, share=share, workers=1, time_limit=time_limit, limits=Limits(cpu_seconds=0.5)  # type: ignore[arg-type]
        ) as verifier:
            programs = PROGRAMS * 2  # the first ones of a verifier have processes of their own
            found.append([same(one) for one in verifier.verify([PROBLEM] * len(programs), programs)])
    assert found[0] == found[1]
    assert {Verdict.PASSED, Verdict.TIMEOUT, Verdict.WRONG_ANSWER, Verdict.RUNTIME_ERROR} <= {
        one[0] for one in found[0]
    }


@settings(max_examples=10)
@given(order=st.lists(st.sampled_from(PROGRAMS), min_size=2, max_size=6))
def test_whatever_has_run_before(process: Worker, order: list[str]) -> None:
    for program in order:
        assert same(judge(process, program)) == same(judge_alone(program))


def test_what_fails_takes_a_turn_and_what_passes_has_its_own(process: Worker) -> None:
    judge(process, FAILS)
    guest, num_programs = turns_of(process)
    assert judge(process, FAILS).verdict is Verdict.WRONG_ANSWER
    assert turns_of(process) == (guest, num_programs + 1)
    assert process._shared is not None
    assert process._shared.find_failure(process._suite(0, None), PASSES, FIRST_PASS, may_wait=True) is None
    assert judge(process, PASSES).verdict is Verdict.PASSED


@pytest.mark.parametrize("program", ["import os\n" + FAILS, "class A:\n    pass\n" + FAILS])
def test_what_may_do_more_than_compute_takes_none(process: Worker, program: str) -> None:
    before = turns_of(process)
    assert judge(process, program).verdict is Verdict.WRONG_ANSWER
    assert turns_of(process) == before


def test_a_process_in_which_something_is_left_ends(process: Worker) -> None:
    """A codec or a module that was loaded, or looked for in vain, is there for all that follow."""
    judge(process, FAILS)
    judge(process, "def f(x):\n    return 'a'.encode('cp037')")
    guest, _ = turns_of(process)
    judge(process, FAILS)
    assert turns_of(process)[0] is not guest


def test_counting_takes_none(process: Worker) -> None:
    before = turns_of(process)
    assert judge(process, FAILS, count=True).tests_run == 20
    assert turns_of(process) == before


def test_test_code_takes_none_but_calls_before_it_do() -> None:
    process = Worker()
    code = AssertTest("assert f(1) == 2")
    for key, tests in enumerate(
        [(code,), (CallTest(args=(1,), expected=1), code), (CallTest(args=(1,), expected=2), code)]
    ):
        process.learn(Lesson(0, Problem(task_id=str(key), entry_point="f", tests=tests)))
        assert judge(process, FAILS).verdict is Verdict.WRONG_ANSWER
        assert turns_of(process)[1] == min(key, 1)
        process.forget()
    process.close()


@pytest.mark.parametrize(
    ("check", "program"),
    [
        ("abs(result - 1) < 0.1", "def f(x):\n    return 1.01"),
        ("abs(result - 1) < 0.1", "def f(x):\n    return 2"),
        ("abs(result - 1) < 0.1", "def f(x):\n    return 'a'"),
        ("list(result) == [1]", "def f(x):\n    return range(10 ** 15)"),
        ("list(result) == [1]", "def f(x):\n    return (i for i in [1])"),
    ],
)
def test_checks_are_judged_as_in_a_process_of_its_own(check: str, program: str) -> None:
    problem = Problem(task_id="a", entry_point="f", tests=(CallTest(args=(1,), expected=1, check=check),))
    found = []
    for share in (True, False):
        process = Worker(share=share)
        process.learn(Lesson(0, problem))
        result = judge(process, program, Limits(cpu_seconds=1.0))
        found.append((result.verdict, result.detail))
        process.close()
    assert found[0] == found[1]


def test_what_hangs_is_put_off_and_harms_nobody_after_it(process: Worker) -> None:
    for _ in range(2):
        assert judge(process, HANGS).verdict is Verdict.TIMEOUT
        assert judge(process, FAILS).verdict is Verdict.WRONG_ANSWER
        assert judge(process, LOOPS_AT_ITS_END).detail.endswith("returned 7; expected 0")
        assert judge(process, FAILS).verdict is Verdict.WRONG_ANSWER


def test_a_longer_limit_is_not_decided_in_a_turn(process: Worker) -> None:
    slow = "def f(x):\n    for _ in range(3_000_000):\n        pass\n    return 2 * x if x < 1 else 0"
    assert judge(process, slow, Limits()).verdict is Verdict.WRONG_ANSWER


def test_a_process_serves_a_bounded_number_of_programs(process: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "MAX_PROGRAMS", 3)
    judge(process, FAILS)
    guests = []
    for _ in range(7):
        judge(process, FAILS)
        guests.append(turns_of(process)[0])
    assert len(set(map(id, guests))) >= 3


def test_a_lost_sandbox_costs_no_verdict(process: Worker) -> None:
    judge(process, FAILS)
    assert process._shared is not None
    assert process._shared._server is not None
    os.kill(process._shared._server.pid, signal.SIGKILL)
    assert judge(process, FAILS).verdict is Verdict.WRONG_ANSWER
    assert judge(process, FAILS).verdict is Verdict.WRONG_ANSWER


def process_without_sandbox() -> tuple[shared.SharedProcess, list[int]]:
    """Return one whose sandbox does not start, and a list that grows with every start."""
    asked: list[int] = []

    def refuse() -> ForkServer:
        asked.append(1)
        raise InfraError("none today")

    return shared.SharedProcess(refuse), asked


def test_a_sandbox_that_does_not_start_is_not_tried_for_ever() -> None:
    process, asked = process_without_sandbox()
    suite = Suite.of(PROBLEM)
    assert [process.find_failure(suite, FAILS, FIRST_PASS, may_wait=True) for _ in range(10)] == [None] * 10
    assert len(asked) == shared.MAX_FAULTS


def test_for_a_few_programs_no_second_sandbox_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "MIN_PROGRAMS", 2)
    process, asked = process_without_sandbox()
    suite = Suite.of(PROBLEM)
    for num, expected in enumerate([0, 0, 1]):
        process.find_failure(suite, FAILS, FIRST_PASS, may_wait=True)
        assert len(asked) == expected, num


def test_nothing_waits_after_a_verification(process: Worker) -> None:
    judge(process, FAILS)
    process.forget()
    assert turns_of(process)[0] is None
    process.learn(Lesson(0, PROBLEM))
