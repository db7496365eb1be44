"""The pool keeps every result, whatever happens to its workers, and takes all of them with it."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from staged_reward import worker as worker_module  # `TestsTask` by name would look like a test class
from staged_reward.limits import Limits
from staged_reward.pool import JobQueue, WorkerPool, _continue_children, default_num_workers, worker_lost
from staged_reward.problem import CallTest, Problem, StageResult, Verdict
from staged_reward.worker import CANARY_PROGRAM, MAX_ATTEMPTS, Job, LintTask

LIMITS = Limits(cpu_seconds=5.0, wall_seconds=10.0)
PROBLEMS = {key: Problem(task_id=str(key), tests=(CallTest((1,), expected=key),), entry_point="f") for key in range(3)}
FULL = worker_module.TestsTask("full", None, LIMITS, False)
SLEEPY = "import time\ntime.sleep(1.0)\ndef f(x): return 0"


def job(number: int, program: str = "def f(x): return 0", key: int = 0) -> Job:
    return Job(number, key, program, (FULL,))


def queue_of(*jobs: Job) -> JobQueue:
    queue = JobQueue()
    for one in jobs:
        queue.add(one)
    return queue


def verdicts(pool: WorkerPool, *jobs: Job) -> dict[int, Verdict | None]:
    return {one.number: verdict_of(results) for one, results in pool.run(queue_of(*jobs), PROBLEMS)}


def verdict_of(results: tuple[StageResult, ...] | None) -> Verdict | None:
    return None if results is None else results[-1].verdict


def descendants_of(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children] + [pid for child in children for pid in descendants_of(int(child))]


def wait_until_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + 10
    while any(os.path.exists(f"/proc/{pid}") for pid in pids):
        assert time.monotonic() < deadline, "a process is left"
        time.sleep(0.02)


def lessons_of(pool: WorkerPool, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that grows by the size of every message that teaches a problem."""
    sizes: list[int] = []
    send = pool._send
    monkeypatch.setattr(
        pool,
        "_send",
        lambda seat, message: (isinstance(message, bytes) and sizes.append(len(message)), send(seat, message)),
    )
    return sizes


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    pool = WorkerPool(2)
    yield pool
    pool.close()


def test_many_jobs_keep_all_results(pool) -> None:
    programs = ["def f(x): return 0", "def f(x): return 2", "def f(x): return 1 / 0", "import os\nos._exit(0)"]
    wanted = [Verdict.PASSED, Verdict.WRONG_ANSWER, Verdict.RUNTIME_ERROR, Verdict.CRASHED]
    jobs = [job(n, programs[n % 4], 0) for n in range(300)]
    found = verdicts(pool, *jobs)
    assert found == {n: wanted[n % 4] for n in range(300)}
    assert verdicts(pool, job(1, "def f(x): return 2", 2)) == {1: Verdict.PASSED}
    assert len(pool.pids()) == 2


def test_idle_workers_come_first() -> None:
    pool = WorkerPool(2)
    started = time.monotonic()
    assert len(verdicts(pool, job(0), job(1))) == 2
    seconds = time.monotonic() - started
    started = time.monotonic()
    assert len(verdicts(pool, job(0, SLEEPY), job(1, SLEEPY))) == 2
    assert time.monotonic() - started < 1.7 + seconds, "two workers sleep at the same time"
    pool.close()


def test_jobs_may_be_added_while_results_come(pool) -> None:
    queue, seen = queue_of(job(0)), []
    for done, results in pool.run(queue, PROBLEMS):
        seen.append((done.number, verdict_of(results)))
        if done.number < 5:
            queue.add(job(done.number + 1), slow=done.number % 2 == 0)
    assert seen == [(n, Verdict.PASSED) for n in range(6)]


def test_large_programs_do_not_stop_the_pool(pool) -> None:
    source = "x = '" + "a" * 3_000_000 + "'\ndef f(x): return 0"
    assert set(verdicts(pool, *(job(n, source) for n in range(6))).values()) == {Verdict.PASSED}


def test_worker_killed_in_mid_job_costs_a_retry_and_no_result(pool) -> None:
    verdicts(pool, job(0))
    jobs = [job(n, SLEEPY) for n in range(2)] + [job(n) for n in range(2, 40)]
    found, killed = {}, False
    queue = queue_of(*jobs)
    for done, results in pool.run(queue, PROBLEMS):
        found[done.number] = verdict_of(results)
        if not killed:
            killed = True
            before = pool.pids()
            os.kill(before[0], signal.SIGKILL)
    assert found == dict.fromkeys(range(40), Verdict.PASSED)
    assert pool.pids()[0] != before[0]


@pytest.mark.parametrize("canary", ["passes", "is lost as well"])
def test_job_that_loses_its_worker_three_times_did_it_unless_a_known_good_program_fails_too(
    monkeypatch, pool, canary: str
) -> None:
    lost = []
    give, send = pool._give, pool._send

    def kill(seat) -> None:
        os.kill(seat.process.pid, signal.SIGKILL)
        seat.process.wait()

    def give_and_kill(seat, one):
        give(seat, one)
        if one.number == 5:
            lost.append(seat.process.pid)
            kill(seat)

    def send_and_kill(seat, message):
        send(seat, message)
        if canary != "passes" and isinstance(message, Job) and message.program == CANARY_PROGRAM:
            kill(seat)

    monkeypatch.setattr("staged_reward.pool.QUEUE_DEPTH", 1)
    monkeypatch.setattr(pool, "_give", give_and_kill)
    monkeypatch.setattr(pool, "_send", send_and_kill)
    found = verdicts(pool, *(job(n) for n in range(12)))
    assert found.pop(5) == (Verdict.CRASHED if canary == "passes" else None)
    assert found == {n: Verdict.PASSED for n in range(12) if n != 5}
    assert len(set(lost)) == MAX_ATTEMPTS
    assert "3 times" in str(worker_lost("full"))


def test_stopped_worker_is_replaced_at_the_next_look(monkeypatch, pool) -> None:
    verdicts(pool, job(0))
    stopped = pool.pids()
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    monkeypatch.setattr("staged_reward.pool.CLOSE_SECONDS", 0.1)
    started = time.monotonic()
    assert verdicts(pool, *(job(n) for n in range(8))) == dict.fromkeys(range(8), Verdict.PASSED)
    assert time.monotonic() - started < 15
    wait_until_gone(stopped)


def test_what_ends_under_a_worker_while_it_is_let_go_on_is_no_fault(monkeypatch) -> None:
    with subprocess.Popen(["sleep", "30"]) as child:
        monkeypatch.setattr("staged_reward.pool.os.kill", gone)
        _continue_children(os.getpid())
        monkeypatch.undo()
        child.kill()


def gone(pid: int, _signal_number: int) -> None:
    raise ProcessLookupError(pid)


def test_silent_worker_is_replaced(monkeypatch, pool) -> None:
    verdicts(pool, job(0))
    monkeypatch.setattr(pool, "_patience", lambda _job: 5.0)
    stopped = pool.pids()
    os.kill(stopped[0], signal.SIGSTOP)
    os.kill(stopped[1], signal.SIGSTOP)
    monkeypatch.setattr("staged_reward.pool.CLOSE_SECONDS", 0.1)
    assert verdicts(pool, job(1), job(2)) == {1: Verdict.PASSED, 2: Verdict.PASSED}
    wait_until_gone(stopped)


def test_closing_leaves_no_process_and_no_folder(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    before = set(descendants_of(os.getpid()))
    pool = WorkerPool(2)
    verdicts(pool, *(job(n) for n in range(20)))
    started = set(descendants_of(os.getpid())) - before
    assert len(started) >= 6  # two workers, two keepers, two fork servers
    assert 2 <= len(os.listdir(tmp_path)) <= 4  # of fork servers, also of those in which programs take turns
    pool.close()
    wait_until_gone(sorted(started))
    assert os.listdir(tmp_path) == []
    assert pool.pids() == []
    pool.close()


@pytest.mark.parametrize("how", ["close", "kill"])
def test_ending_in_mid_run_leaves_no_process_and_no_folder(monkeypatch, tmp_path, capfd, how: str) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    before = set(descendants_of(os.getpid()))
    pool = WorkerPool(1)
    program = "import os, time\nif os.fork() == 0:\n    os.setsid()\ntime.sleep(60)"
    run = pool.run(queue_of(job(0), job(1, program)), PROBLEMS)
    assert next(run)[0].number == 0
    deadline = time.monotonic() + 10
    num_processes = 5  # worker, keeper, fork server, program and its child
    while len(started := set(descendants_of(os.getpid())) - before) < num_processes:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    if how == "kill":
        os.kill(pool.pids()[0], signal.SIGKILL)
    run.close()
    pool.close()
    wait_until_gone(sorted(started))
    assert os.listdir(tmp_path) == []
    assert capfd.readouterr().err == ""


def test_abandoned_run_does_not_answer_a_later_one(pool) -> None:
    for _done, _results in pool.run(queue_of(*(job(n) for n in range(20))), PROBLEMS):
        break
    assert verdicts(pool, job(100)) == {100: Verdict.PASSED}


def test_files_in_the_working_folder_are_not_taken_for_modules(monkeypatch, tmp_path) -> None:
    for name in ("json", "typing", "queue", "msgpack", "staged_reward"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('not this one')")
    monkeypatch.chdir(tmp_path)
    pool = WorkerPool(1)
    assert verdicts(pool, job(0)) == {0: Verdict.PASSED}
    pool.close()


def test_forked_copy_of_the_owner_leaves_its_workers_alone(pool) -> None:
    verdicts(pool, job(0))
    pids = pool.pids()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        pid = os.fork()
        if pid == 0:
            pool.close()
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
    assert verdicts(pool, job(1)) == {1: Verdict.PASSED}
    assert pool.pids() == pids


def test_queue_keeps_slow_and_large_jobs_back() -> None:
    queue = JobQueue()
    queue.add(job(1), slow=True)
    queue.add(job(2, "x" * 60_000))
    queue.add(job(3))
    assert queue.take(small_only=True) is None
    assert [queue.take(small_only=False).number for _ in range(2)] == [2, 3]
    assert queue.take(small_only=True) is None
    queue.put_back(job(4))
    assert [queue.take(small_only=False).number for _ in range(2)] == [4, 1]
    assert queue.take(small_only=False) is None


def test_linting_and_testing_work_in_a_worker(pool) -> None:
    one = Job(1, 0, "def f(x): return undefined_name", (LintTask("ruff"), FULL))
    [(_, results)] = list(pool.run(queue_of(one), PROBLEMS))
    assert results is not None
    assert [result.verdict for result in results] == [Verdict.LINT_ERROR]


def test_default_is_one_worker_per_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    assert default_num_workers() == len(os.sched_getaffinity(0)) >= 1


@pytest.mark.parametrize(
    ("ranks", "workers"), [("1", 8), ("2", 4), ("3", 2), ("8", 1), ("64", 1), ("", 8), ("many", 8)]
)
def test_ranks_of_one_node_share_its_cores(monkeypatch: pytest.MonkeyPatch, ranks: str, workers: int) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setenv("LOCAL_WORLD_SIZE", ranks)
    assert default_num_workers() == workers


def test_a_problem_that_comes_again_is_not_sent_again(pool: WorkerPool, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = lessons_of(pool, monkeypatch)
    for _ in range(3):
        assert verdicts(pool, *(job(number) for number in range(6))) == dict.fromkeys(range(6), Verdict.PASSED)
    assert len(sizes) <= pool.num_workers


def test_cpu_seconds_never_fall_whatever_happens_to_the_workers(pool: WorkerPool) -> None:
    spinning = "import time\ndef f(x):\n    while time.process_time() < 0.2: pass\n    return 0"
    verdicts(pool, job(1, spinning), job(2, spinning))
    seen = [pool.cpu_seconds()]
    assert seen[0] > 0.4
    for pid in pool.pids():
        os.kill(pid, signal.SIGKILL)
    seen.append(pool.cpu_seconds())
    assert verdicts(pool, job(3)) == {3: Verdict.PASSED}
    seen.append(pool.cpu_seconds())
    pool.close()
    seen.append(pool.cpu_seconds())
    assert seen == sorted(seen)


def test_a_forked_copy_has_taken_nothing(pool: WorkerPool) -> None:
    verdicts(pool, job(1))
    assert pool.cpu_seconds() > 0
    if (child := os.fork()) == 0:
        os._exit(int(pool.cpu_seconds() != 0.0))
    assert os.waitpid(child, 0)[1] == 0
    assert pool.cpu_seconds() > 0


def test_problems_that_are_many_are_forgotten_too(pool: WorkerPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("staged_reward.pool.KEPT_PROBLEMS", 1)
    verdicts(pool, job(1))
    assert pool._lessons._problems
    verdicts(pool, job(1, key=1))
    assert not pool._lessons._problems


def test_a_worker_is_sent_the_tests_that_it_runs_each_once(pool: WorkerPool, monkeypatch: pytest.MonkeyPatch) -> None:
    large = 1 << 16  # characters of every test but the first
    tests = (CallTest((1,), expected=1), *(CallTest(("x" * large,), expected="x" * large) for _ in range(4)))
    problems = {0: Problem(task_id="large", tests=tests, entry_point="f")}
    sizes = lessons_of(pool, monkeypatch)

    def run(*tasks: Any) -> list[Verdict | None]:
        jobs = [Job(number, 0, "def f(x): return x", tasks) for number in range(6)]
        sizes.clear()
        return [verdict_of(results) for _, results in pool.run(queue_of(*jobs), problems)]

    def some(*indices: int) -> Any:
        return worker_module.TestsTask("tests", indices, LIMITS, False)

    num = pool.num_workers
    assert run(LintTask("ruff")) == [Verdict.PASSED] * 6
    assert sum(sizes) < large
    assert run(some(0)) == [Verdict.PASSED] * 6
    assert sum(sizes) < large
    assert run(some(3, 0)) == [Verdict.PASSED] * 6
    assert sum(sizes) < 3 * num * large  # of a call and what is expected: two texts in a test
    assert run(some(0), FULL) == [Verdict.PASSED] * 6
    assert sum(sizes) < 7 * num * large
    assert run(some(4, 1), FULL) == [Verdict.PASSED] * 6
    assert sizes == []


def test_a_key_that_stands_for_another_problem_is_learned_anew(pool: WorkerPool) -> None:
    other = {0: Problem(task_id="other", tests=(CallTest((1,), expected=5),), entry_point="f")}
    assert verdicts(pool, job(1)) == {1: Verdict.PASSED}
    assert [verdict_of(results) for _, results in pool.run(queue_of(job(1)), other)] == [Verdict.WRONG_ANSWER]
    assert verdicts(pool, job(1)) == {1: Verdict.PASSED}


def test_many_problems_are_forgotten_after_a_call(pool: WorkerPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("staged_reward.pool.KEPT_BYTES", 100)
    sizes = lessons_of(pool, monkeypatch)
    for _ in range(3):
        verdicts(pool, job(1))
        assert not any(seat.known for seat in pool._seats)
        assert not pool._lessons._kept
    assert len(sizes) == 3


def test_a_worker_that_takes_a_place_learns_what_the_one_before_knew(pool: WorkerPool) -> None:
    jobs = [job(number) for number in range(6)]
    verdicts(pool, *jobs)
    for pid in pool.pids():
        os.kill(pid, signal.SIGKILL)
    assert verdicts(pool, *jobs) == dict.fromkeys(range(6), Verdict.PASSED)
