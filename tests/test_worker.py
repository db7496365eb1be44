"""A worker does its tasks in order and blames programs only for what programs did."""

import os
import signal
from collections.abc import Iterator

import pytest

from staged_reward import worker as worker_module  # `TestsTask` by name would look like a test class
from staged_reward.errors import InfraError
from staged_reward.isolation.layers import Layer, Level
from staged_reward.limits import Limits
from staged_reward.problem import AssertTest, CallTest, Problem, Verdict
from staged_reward.sandbox.host import ForkServer
from staged_reward.sandbox.outcome import Outcome
from staged_reward.sandbox.suite import Suite
from staged_reward.worker import MAX_ATTEMPTS, Job, Lesson, LintTask, WeakIsolationError, Worker

LIMITS = Limits(cpu_seconds=1.0, wall_seconds=2.0)
PROBLEM = Problem(task_id="t", tests=tuple(CallTest((n,), expected=n) for n in range(4)), entry_point="f")
RIGHT = "def f(x): return x"
TESTS_2 = worker_module.TestsTask("tests", (0, 1), LIMITS, False)
FULL = worker_module.TestsTask("full", None, LIMITS, True)


@pytest.fixture
def worker() -> Iterator[Worker]:
    worker = Worker()
    worker.learn(Lesson(7, PROBLEM))
    yield worker
    worker.close()


def test_tasks_are_done_in_order(worker) -> None:
    lint, tests, full = worker.perform(Job(1, 7, RIGHT, (LintTask("ruff"), TESTS_2, FULL)))
    assert [lint.stage, tests.stage, full.stage] == ["lint", "tests", "full"]
    assert {lint.verdict, tests.verdict, full.verdict} == {Verdict.PASSED}
    assert (tests.tests_run, full.tests_run, full.tests_passed) == (2, 4, 4)
    assert full.limit_seconds == 1.0
    assert 0 < full.program_cpu_seconds <= full.cpu_seconds
    assert full.seconds > 0


def test_first_task_that_fails_is_the_last(worker) -> None:
    results = worker.perform(Job(1, 7, "def f(x): return 0", (TESTS_2, FULL)))
    assert [(result.stage, result.verdict) for result in results] == [("tests", Verdict.WRONG_ANSWER)]
    assert (results[0].tests_passed, results[0].tests_run) == (1, 2)


def test_problems_are_forgotten(worker) -> None:
    worker.perform(Job(1, 7, RIGHT, (FULL,)))
    worker.forget()
    worker.learn(Lesson(7, Problem(task_id="u", tests=(CallTest((1,), expected=2),), entry_point="f")))
    assert worker.perform(Job(1, 7, RIGHT, (FULL,)))[0].verdict is Verdict.WRONG_ANSWER


def test_killed_fork_server_costs_a_retry_and_no_result(worker) -> None:
    worker.perform(Job(1, 7, RIGHT, (FULL,)))
    os.kill(worker._servers[False]._process.pid, signal.SIGKILL)
    assert worker.perform(Job(2, 7, RIGHT, (FULL,)))[0].verdict is Verdict.PASSED


def test_fault_that_stays_is_named_ours_after_three_attempts(worker, monkeypatch) -> None:
    attempts = []

    def fail(*_args: object, **_options: object) -> Outcome:
        attempts.append(1)
        raise InfraError("no sandbox today")

    monkeypatch.setattr("staged_reward.worker.run_suite", fail)
    result = worker.perform(Job(1, 7, RIGHT, (FULL,)))[0]
    assert (result.verdict, len(attempts)) == (Verdict.INFRA_ERROR, MAX_ATTEMPTS + 1)  # the last one is the canary
    assert "no sandbox today" in result.detail
    assert result.tests_run == 0


def test_program_that_ends_its_fork_server_every_time_did_it_if_a_known_good_one_passes(worker, monkeypatch) -> None:
    run_suite = worker_module.run_suite

    def lose_server(server: ForkServer, suite: Suite, program: str, *args: object, **options: object) -> Outcome:
        if program == RIGHT:
            os.kill(server.pid, signal.SIGKILL)
        return run_suite(server, suite, program, *args, **options)

    monkeypatch.setattr("staged_reward.worker.run_suite", lose_server)
    result = worker.perform(Job(1, 7, RIGHT, (FULL,)))[0]
    assert result.verdict is Verdict.CRASHED
    assert "known-good" in result.detail


def test_less_isolation_than_required_is_refused_with_the_reason_and_the_way_out() -> None:
    worker = Worker(Level.CONTAINED, {Layer.LANDLOCK, Layer.SECCOMP})
    worker.learn(Lesson(7, Problem(task_id="t", tests=(CallTest((1,), expected=1),), entry_point="f")))
    with pytest.raises(WeakIsolationError, match=r"'confined'.*'contained' is required.*--require-isolation confined"):
        worker.perform(Job(1, 7, RIGHT, (FULL,)))
    worker.close()


def test_test_that_does_not_compile_is_not_held_against_the_program(worker) -> None:
    worker.learn(Lesson(8, Problem(task_id="t", tests=(AssertTest("assert f("),), entry_point="f")))
    result = worker.perform(Job(1, 8, RIGHT, (FULL,)))[0]
    assert result.verdict is Verdict.INFRA_ERROR
    assert "does not parse" in result.detail
    assert worker.perform(Job(2, 7, RIGHT, (FULL,)))[0].verdict is Verdict.PASSED


def test_hostile_replies_do_not_end_the_worker(worker) -> None:
    spray = (
        "import os, struct\nfor payload in PAYLOADS:\n    for fd in range(3, 64):\n"
        "        try: os.write(fd, struct.pack('>I', len(payload)) + payload)\n        except OSError: pass\n"
        "os._exit(0)"
    )
    deep = b"\xc0"
    for _ in range(3_000):
        deep = b"\xc9" + (len(deep) + 1).to_bytes(4, "big") + b"\x00\x91" + deep
    payloads = [b"\xc1", b"\xc0", b"\x00", b"\x90", b"\x91\x01", b"\x92\x00\xc0", b"\x94\x00\xc0\xc0\xc0", deep]
    worker.learn(Lesson(8, Problem(task_id="t", tests=(AssertTest("assert f(1)"),), entry_point="f")))
    for payload in payloads:
        for key in (7, 8):
            program = f"PAYLOADS = [{payload!r}]\n{spray}"
            result = worker.perform(Job(1, key, program, (FULL,)))[0]
            assert result.verdict in (Verdict.CRASHED, Verdict.WRONG_ANSWER), result
    assert worker.perform(Job(2, 7, RIGHT, (FULL,)))[0].verdict is Verdict.PASSED
