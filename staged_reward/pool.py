"""The worker processes, seen from the verifier: start them, keep them busy, notice when one is gone.

A worker is started by exec, so it shares no memory, lock, thread or CUDA context with the caller; the caller's
`__main__` is not imported again.
"""

from __future__ import annotations

import contextlib
import math
import os
import pickle
import signal
import socket
import subprocess
import time
from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from typing import Protocol

from staged_reward.errors import InfraError
from staged_reward.isolation.layers import ALL, Layer, Level
from staged_reward.limits import Limits
from staged_reward.problem import Problem, StageResult, Verdict
from staged_reward.processes import children_of, tree_cpu_seconds
from staged_reward.sandbox.host import PACKAGE_DIR, python_command
from staged_reward.worker import (
    CANARY,
    CANARY_PROGRAM,
    LINT_SECONDS,
    MAX_ATTEMPTS,
    Answer,
    Forget,
    Job,
    Lesson,
    LintTask,
    Message,
    Rest,
    TestsTask,
)

# Not `-m`: the module would be `__main__` there, and its classes others than those that arrive by pickle.
WORKER_COMMAND = python_command("staged_reward.worker")
QUEUE_DEPTH = 2  # jobs at a worker: one in hand, one waiting, so that it never waits for us
SMALL_PROGRAM_CHARS = 50_000  # a larger one could fill the pipe and stop us; it is sent to an idle worker only
CLOSE_SECONDS = 5.0
PATIENCE_SECONDS = 60.0  # beyond the sum of a job's own limits
LOOK_SECONDS = 2.0  # between two looks whether a worker is stopped
_CANARY_KEY = -1  # no job and no problem has this number
CANARY_SECONDS = 30.0  # for a known-good program, start of the worker included
KEPT_BYTES = 8 << 20  # of problems, as they are sent, that workers know from call to call
KEPT_PROBLEMS = 512  # the same; each is kept here with all of its tests


@dataclass(slots=True)
class _Seat:
    """One worker process and what it has been given."""

    process: subprocess.Popen[bytes]
    connection: Connection[Message, Answer]
    jobs: deque[Job] = field(default_factory=deque)
    known: dict[int, set[int]] = field(default_factory=dict)  # of problems, the tests that it was taught
    deadline: float = 0.0
    most_cpu_seconds: float = 0.0

    def cpu_seconds(self) -> float:
        """Return what it and all that it started have taken. A worker that is killed takes its children's figures along."""
        self.most_cpu_seconds = max(self.most_cpu_seconds, tree_cpu_seconds(self.process.pid))
        return self.most_cpu_seconds


class _Lessons:
    """Problems as they are sent. Those that are small together are made once, and known to workers from call to call."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, tuple[int, ...]], bytes] = {}
        self._problems: dict[int, Problem] = {}  # while a problem is here, its key is no other's
        self._num_bytes = 0
        self.is_too_much = False

    def are_of(self, problems: dict[int, Problem]) -> bool:
        """Whether keys stand for the same problems as before."""
        return all(problems.get(key, problem) is problem for key, problem in self._problems.items())

    def of(self, key: int, problem: Problem, indices: tuple[int, ...]) -> bytes:
        """Return the message that teaches a problem and some of its tests."""
        if (key, indices) in self._kept:
            return self._kept[key, indices]
        part = replace(problem, tests=tuple(problem.tests[index] for index in indices))
        message = pickle.dumps(Lesson(key, part, indices), pickle.HIGHEST_PROTOCOL)
        self._problems[key] = problem
        self._num_bytes += len(message)
        self.is_too_much = self._num_bytes > KEPT_BYTES or len(self._problems) > KEPT_PROBLEMS
        if not self.is_too_much:
            self._kept[key, indices] = message
        return message

    def clear(self) -> None:
        """Keep none of them."""
        self._kept.clear()
        self._problems.clear()
        self._num_bytes = 0
        self.is_too_much = False


def default_num_workers() -> int:
    """Return the number of cores this process may use, shared with the other ranks that a launcher started on this node."""
    ranks = os.environ.get("LOCAL_WORLD_SIZE", "")  # of torchrun and accelerate
    return max(1, len(os.sched_getaffinity(0)) // max(1, int(ranks) if ranks.isdigit() else 1))


class WorkerPool:
    """A fixed number of workers. Not thread-safe; its owner takes turns.

    Args:
        num_workers: Processes.
        required: The least isolation under which a program may run.
        layers: Of isolation, to use as far as the machine allows.
        outer_wall: Put bubblewrap around every sandbox.
        share: Let self-contained programs fail in one process, in turn.
    """

    def __init__(
        self,
        num_workers: int,
        *,
        required: Level = Level.CONFINED,
        layers: Collection[Layer] = ALL,
        outer_wall: bool = False,
        share: bool = True,
    ) -> None:
        self.num_workers = num_workers
        self._settings = [required.name, ",".join(sorted(layers)), str(outer_wall), str(share)]
        self._seats: list[_Seat] = []
        self._problems: dict[int, Problem] = {}
        self._lessons = _Lessons()
        self._attempts: dict[int, int] = {}
        self._owner = os.getpid()
        self._ended_cpu_seconds = 0.0

    def run(
        self, jobs: Jobs, problems: dict[int, Problem], *, deadline: float = math.inf
    ) -> Iterator[tuple[Job, tuple[StageResult, ...] | None]]:
        """Hand out jobs until none is left, and yield each with its results, as they come.

        Args:
            jobs: Asked for the next job whenever a worker has room; more may be added between two yields.
            problems: What the jobs' problem keys stand for.
            deadline: On the clock of `time.monotonic`; what is under way then is dropped, with the workers that have it.

        Yields:
            A job and its results; None when its worker was lost that often that we give up.

        Raises:
            InfraError: No worker can be started, or none may run programs here.
        """
        self._forget_parent()
        if not self._lessons.are_of(problems):
            self._forget()
        self._problems = problems
        self._attempts = {}
        self._seats = self._seats or [self._hire(place) for place in range(self.num_workers)]
        try:
            while self._feed(jobs):
                if time.monotonic() >= deadline:
                    self._drop_busy()
                    break
                yield from self._collect(jobs, deadline)
            self._rest()
        except BaseException:
            self.close()  # unfinished jobs must not answer a later run
            raise

    def _rest(self) -> None:
        """Tell the workers that a call is over; what they have learned, they forget only if it is much."""
        if self._lessons.is_too_much:
            self._forget()
        else:
            for seat in self._seats:
                self._send(seat, Rest())

    def _forget(self) -> None:
        self._lessons.clear()
        for seat in self._seats:
            seat.known.clear()
            self._send(seat, Forget())

    def close(self) -> None:
        """End the workers; their fork servers and guests go with them."""
        seats, self._seats = self._seats, []
        self._ended_cpu_seconds += sum(seat.cpu_seconds() for seat in seats)
        for seat in seats:
            seat.connection.close()  # a worker that sees this cleans up and ends
        if self._owner == os.getpid():
            for seat in seats:
                _end(seat.process)

    def cpu_seconds(self) -> float:
        """Return the CPU seconds that workers and all that they started have taken so far (see `tree_cpu_seconds`)."""
        self._forget_parent()
        return self._ended_cpu_seconds + sum(seat.cpu_seconds() for seat in self._seats)

    def _forget_parent(self) -> None:
        """In a forked copy of the owner: leave the owner's workers to it."""
        if self._owner != os.getpid():
            self._owner = os.getpid()
            self._seats = []
            self._ended_cpu_seconds = 0.0

    def pids(self) -> list[int]:
        """Return the process ids of the workers."""
        return [seat.process.pid for seat in self._seats]

    def _hire(self, place: int) -> _Seat:
        try:
            ours, theirs = socket.socketpair()
            with theirs:
                process = subprocess.Popen(
                    [*WORKER_COMMAND, str(theirs.fileno()), *self._settings, PACKAGE_DIR],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    env=os.environ | {"PYTHONHASHSEED": "0"},  # tests run there: same program, same verdict
                )
        except OSError as error:
            raise InfraError(f"no process for a worker: {error}") from error
        self._pin(process.pid, place)
        return _Seat(process, Connection(ours.detach()))

    def _pin(self, pid: int, place: int) -> None:
        """Keep a worker and all it starts on one core, where every core has a worker: they would only move about."""
        cores = sorted(os.sched_getaffinity(0))
        if self.num_workers >= len(cores):
            with contextlib.suppress(ProcessLookupError):  # it ended at once: `_collect` sees that
                os.sched_setaffinity(pid, {cores[place % len(cores)]})

    def _feed(self, jobs: Jobs) -> bool:
        """Give every worker with room a job. Return whether any worker has one."""
        for depth in range(QUEUE_DEPTH):  # an idle worker comes before one that would let it wait
            for seat in self._seats:
                if len(seat.jobs) == depth and (job := jobs.take(small_only=depth > 0)) is not None:
                    self._give(seat, job)
        return any(seat.jobs for seat in self._seats)

    def _give(self, seat: _Seat, job: Job) -> None:
        self._teach(seat, job)
        if not seat.jobs:
            seat.deadline = time.monotonic() + self._patience(job)
        seat.jobs.append(job)
        self._send(seat, job)

    def _teach(self, seat: _Seat, job: Job) -> None:
        """Send what the worker does not know yet of the problem: only tests that the job needs, which may be few of many."""
        problem = self._problems[job.problem_key]
        is_new = job.problem_key not in seat.known
        known = seat.known.setdefault(job.problem_key, set())
        if len(known) == len(problem.tests) and not is_new:
            return
        wanted: set[int] = set()
        for task in job.tasks:
            if not isinstance(task, LintTask):
                wanted.update(range(len(problem.tests)) if task.indices is None else task.indices)
        missing = tuple(sorted(wanted - known))
        if missing or is_new:
            known.update(missing)
            self._send(seat, self._lessons.of(job.problem_key, problem, missing))

    def _send(self, seat: _Seat, message: Message | bytes) -> None:
        """Send a message, or one that is pickled already."""
        try:
            if isinstance(message, bytes):
                seat.connection.send_bytes(message)
            else:
                seat.connection.send(message)
        except ConnectionError:
            return  # it is gone: `_collect` sees that

    def _patience(self, job: Job) -> float:
        tests = len(self._problems[job.problem_key].tests)
        limits = (
            LINT_SECONDS if isinstance(task, LintTask) else task.limits.wall_seconds * (tests + 1) for task in job.tasks
        )
        return PATIENCE_SECONDS + MAX_ATTEMPTS * sum(limits)

    def _drop_busy(self) -> None:
        """Put fresh workers in the place of those that have jobs."""
        busy = [(place, seat) for place, seat in enumerate(self._seats) if seat.jobs]
        self._ended_cpu_seconds += sum(seat.cpu_seconds() for _, seat in busy)
        for _, seat in busy:
            seat.connection.close()  # all of them hear of it before the first is waited for
        for place, seat in busy:
            _end(seat.process)
            self._seats[place] = self._hire(place)

    def _collect(self, jobs: Jobs, deadline: float) -> Iterator[tuple[Job, tuple[StageResult, ...] | None]]:
        busy = [seat for seat in self._seats if seat.jobs]
        soonest = min(deadline, *(seat.deadline for seat in busy)) - time.monotonic()
        ready = wait([seat.connection for seat in busy], timeout=max(0.0, min(soonest, LOOK_SECONDS)))
        for seat in busy:
            if seat.connection in ready:
                yield from self._receive(seat, jobs)
            elif time.monotonic() > seat.deadline or (not ready and _is_stopped(seat.process.pid)):
                yield from self._replace(seat, jobs)

    def _receive(self, seat: _Seat, jobs: Jobs) -> Iterator[tuple[Job, tuple[StageResult, ...] | None]]:
        try:
            answer = seat.connection.recv()
        except (EOFError, ConnectionError):
            yield from self._replace(seat, jobs)
            return
        if isinstance(answer, InfraError):
            raise answer
        number, results = answer
        job = seat.jobs.popleft()
        assert job.number == number
        if seat.jobs:
            seat.deadline = time.monotonic() + self._patience(seat.jobs[0])
        yield job, results

    def _replace(self, seat: _Seat, jobs: Jobs) -> Iterator[tuple[Job, tuple[StageResult, ...] | None]]:
        """Put a fresh worker in the place of one that is gone or silent; its job in hand is tried again."""
        self._ended_cpu_seconds += seat.cpu_seconds()
        seat.connection.close()
        _end(seat.process)
        in_hand, *waiting = seat.jobs
        for job in reversed(waiting):
            jobs.put_back(job)
        place = self._seats.index(seat)
        self._seats[place] = self._hire(place)
        self._attempts[in_hand.number] = self._attempts.get(in_hand.number, 0) + 1
        if self._attempts[in_hand.number] >= MAX_ATTEMPTS:
            yield in_hand, self._blame(in_hand, self._seats[place])
        else:
            jobs.put_back(in_hand)

    def _blame(self, job: Job, seat: _Seat) -> tuple[StageResult, ...] | None:
        """Say whose fault it is that a job's workers were lost: its program's, if a known-good one passes; else None."""
        task = job.tasks[0]
        if isinstance(task, LintTask) or not self._canary_passes(seat):
            return None
        detail = f"its worker was lost {MAX_ATTEMPTS} times; a known-good program passes, so this one did it"
        return (StageResult(stage=task.stage, verdict=Verdict.CRASHED, detail=detail),)

    def _canary_passes(self, seat: _Seat) -> bool:
        task = TestsTask("canary", None, Limits(), count=False)
        self._send(seat, Lesson(_CANARY_KEY, CANARY))
        self._send(seat, Job(_CANARY_KEY, _CANARY_KEY, CANARY_PROGRAM, (task,)))
        try:
            answer = seat.connection.recv() if seat.connection.poll(CANARY_SECONDS) else None
        except (EOFError, ConnectionError):
            return False
        return isinstance(answer, tuple) and answer[1][-1].verdict is Verdict.PASSED


def _is_stopped(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] in ("T", "t")
    except OSError:
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(timeout=CLOSE_SECONDS)
    except subprocess.TimeoutExpired:
        _continue_children(process.pid)
        process.kill()
        process.wait()


def _continue_children(pid: int) -> None:
    """Let go on what may have been stopped under a worker that is to be killed: it ends, and cleans up, by itself."""
    for child in children_of(pid):
        with contextlib.suppress(ProcessLookupError):  # it has ended by now
            os.kill(child, signal.SIGCONT)


class Jobs(Protocol):
    """Where the pool gets its jobs from."""

    def take(self, *, small_only: bool) -> Job | None:
        """Return the next job, or None; with `small_only`, None when the next one is large or slow."""
        ...

    def put_back(self, job: Job) -> None:
        """Take a job back: it comes next."""
        ...


class JobQueue:
    """Jobs to be done: those known to be slow go last."""

    def __init__(self) -> None:
        self._jobs: deque[Job] = deque()
        self._slow: deque[Job] = deque()

    def add(self, job: Job, *, slow: bool = False) -> None:
        """Put a job at the end."""
        (self._slow if slow else self._jobs).append(job)

    def put_back(self, job: Job) -> None:
        """Put a job at the front."""
        self._jobs.appendleft(job)

    def take(self, *, small_only: bool) -> Job | None:
        """Return the next job, or None; with `small_only`, None when the next one is large or slow."""
        queue = self._jobs or self._slow
        if not queue:
            return None
        if small_only and (queue is self._slow or len(queue[0].program) > SMALL_PROGRAM_CHARS):
            return None
        return queue.popleft()


def worker_lost(stage: str) -> InfraError:
    """Return the error for a job whose worker was lost time and again."""
    return InfraError(f"stage {stage!r}: the worker was lost {MAX_ATTEMPTS} times")
