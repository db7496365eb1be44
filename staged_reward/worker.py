"""A worker: one trusted process that lints programs and judges them, with a fork server of its own. The pool starts it.

It does what it is told, one job at a time, and keeps problems until it is told to forget them.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Literal, NamedTuple

from staged_reward.alarm import AlarmError, alarm
from staged_reward.errors import InfraError, InputError
from staged_reward.isolation.layers import ALL, LEVEL_TEXTS, Layer, Level, level_of
from staged_reward.limits import Limits
from staged_reward.problem import CallTest, Problem, StageResult, Test, Verdict
from staged_reward.sandbox.host import ForkServer, packages_to_preload
from staged_reward.sandbox.judge import run_suite
from staged_reward.sandbox.observe import RETURNED, digest_of_text
from staged_reward.sandbox.outcome import Outcome
from staged_reward.sandbox.shared import SharedProcess
from staged_reward.sandbox.suite import Suite
from staged_reward.self_contained import is_self_contained
from staged_reward.stages.syntax import needs_child

if TYPE_CHECKING:
    from staged_reward.stages.lint import Lint

LINT_SECONDS = 20.0
MAX_ATTEMPTS = 3
PAUSES_SECONDS = (0.2, 2.0)  # before further attempts: a machine that is out of processes has some again

LintTool = Literal["pylint", "ruff"]


class LintTask(NamedTuple):
    """Lint a program."""

    tool: LintTool


@dataclass(frozen=True, slots=True)
class TestsTask:
    """Run tests.

    Attributes:
        stage: Of the result.
        indices: Which tests; None for all.
        limits: Of the program.
        count: Go on after a failure.
        is_budget: See `StageResult`.
        is_watching: Compare nothing: the result's `detail` has a digest of what the program did, `tests_passed` says how
            many inputs it returned or printed something for.
    """

    stage: str
    indices: tuple[int, ...] | None
    limits: Limits
    count: bool
    is_budget: bool = False
    is_watching: bool = False


Task = LintTask | TestsTask


class Job(NamedTuple):
    """Tasks for one program, done in order until one does not pass."""

    number: int
    problem_key: int
    program: str
    tasks: tuple[Task, ...]


class Lesson(NamedTuple):
    """A problem that later jobs refer to by its key, with the tests that they need. A later lesson may bring more of them.

    Attributes:
        problem_key: Of the problem.
        problem: With the tests that this lesson brings.
        indices: Their places among all of the problem's; None where all are here.
    """

    problem_key: int
    problem: Problem
    indices: tuple[int, ...] | None = None


class Rest(NamedTuple):
    """Keep no program's process: there may be none for a while."""


class Forget(NamedTuple):
    """Rest, and drop all problems."""


Message = Job | Lesson | Rest | Forget
Answer = tuple[int, tuple[StageResult, ...]] | InfraError
"""What became of a job; or why this worker can do none."""


@dataclass(slots=True)
class _Clock:
    """Wall and CPU time of this process since it was made."""

    wall: float
    cpu: float

    @classmethod
    def start(cls) -> _Clock:
        return cls(time.perf_counter(), time.process_time())

    def read(self) -> tuple[float, float]:
        return time.perf_counter() - self.wall, time.process_time() - self.cpu


CANARY = Problem(task_id="canary", entry_point="f", tests=(CallTest((2,), expected=4),))
CANARY_PROGRAM = "def f(x):\n    return x * x\n"


class WeakIsolationError(InfraError):
    """This machine offers less isolation than is required."""


class Worker:
    """Performs jobs. Usable without a process of its own; it must be in a main thread, for its alarms.

    Args:
        required: The least isolation under which a program may run.
        layers: Of isolation, to use as far as the machine allows.
        outer_wall: Put bubblewrap around every sandbox.
        share: Let self-contained programs fail in one process, in turn.
    """

    def __init__(
        self,
        required: Level = Level.CONFINED,
        layers: Collection[Layer] = ALL,
        *,
        outer_wall: bool = False,
        share: bool = True,
    ) -> None:
        self._required = required
        self._layers = layers
        self._outer_wall = outer_wall
        self._problems: dict[int, Problem] = {}
        self._tests: dict[int, dict[int, Test]] = {}  # of a problem, those that it was taught
        self._suites: dict[tuple[int, tuple[int, ...] | None], Suite] = {}
        self._linters: dict[LintTool, Lint] = {}
        self._servers: dict[bool, ForkServer] = {}  # by whether it is the one with packages loaded
        self._shared = SharedProcess(self._start_server) if share else None
        self._is_leaving = False

    def learn(self, lesson: Lesson) -> None:
        """Keep a problem and tests of it."""
        key, problem, indices = lesson
        self._problems[key] = problem
        if indices is None:
            self._tests[key] = dict(enumerate(problem.tests))
        else:
            self._tests.setdefault(key, {}).update(zip(indices, problem.tests, strict=True))

    def rest(self) -> None:
        """End the process that programs share, until there is a next one."""
        if self._shared is not None:
            self._shared.rest()

    def forget(self) -> None:
        """Rest, and drop all problems."""
        self.rest()
        self._problems.clear()
        self._tests.clear()
        self._suites.clear()

    def perform(self, job: Job) -> tuple[StageResult, ...]:
        """Do a job's tasks in order, up to the first that does not pass.

        Raises:
            WeakIsolationError: A program would have to run with less isolation than is required.
        """
        results: list[StageResult] = []
        for task in job.tasks:
            results.append(self._lint(task, job) if isinstance(task, LintTask) else self._test(task, job))
            if results[-1].verdict is not Verdict.PASSED:
                break
        return tuple(results)

    def close(self) -> None:
        """End the fork servers."""
        for server in list(self._servers.values()):  # each stays known until it has ended: `leave` waits for it too
            server.close()
        self._servers.clear()
        if self._shared is not None:
            self._shared.close()

    def leave(self) -> None:
        """End the fork servers, from another thread than that which performs; that one does no more."""
        self._is_leaving = True
        for server in list(self._servers.values()):
            server.end()
        if self._shared is not None:
            self._shared.end()

    def _lint(self, task: LintTask, job: Job) -> StageResult:
        clock = _Clock.start()
        try:
            with alarm(LINT_SECONDS):
                return self._linter(task.tool)(self._problems[job.problem_key], job.program)
        except AlarmError:  # a filter removes only what is certainly wrong
            seconds, cpu_seconds = clock.read()
            detail = f"not linted: {task.tool} took over {LINT_SECONDS:.0f} s"
            return StageResult(
                stage="lint", verdict=Verdict.PASSED, seconds=seconds, cpu_seconds=cpu_seconds, detail=detail
            )

    def _linter(self, tool: LintTool) -> Lint:
        if tool not in self._linters:
            from staged_reward.stages.lint import Lint

            self._linters[tool] = Lint(tool)
        return self._linters[tool]

    def _test(self, task: TestsTask, job: Job) -> StageResult:
        clock = _Clock.start()
        outcome = self._judge(task, job)
        seconds, cpu_seconds = clock.read()
        return StageResult(
            stage=task.stage,
            verdict=outcome.verdict,
            seconds=seconds,
            cpu_seconds=cpu_seconds + outcome.cpu_seconds,
            tests_passed=outcome.num_passed,
            tests_run=outcome.num_run,
            detail=outcome.detail,
            limit_seconds=task.limits.cpu_seconds,
            is_budget=task.is_budget and not outcome.is_endless,
            is_endless=outcome.is_endless,
            program_cpu_seconds=outcome.longest_cpu_seconds,
        )

    def _judge(self, task: TestsTask, job: Job) -> Outcome:
        try:
            suite = self._suite(job.problem_key, task.indices)
        except InputError as error:  # a fault of the problem, not of the program
            return Outcome(verdict=Verdict.INFRA_ERROR, detail=str(error))
        if task.is_watching:
            return self._with_retries(job.program, lambda server: self._watch(server, suite, job.program, task.limits))
        return self._failure_in_turn(suite, task, job.program) or self._with_retries(
            job.program, lambda server: run_suite(server, suite, job.program, task.limits, count=task.count)
        )

    def _failure_in_turn(self, suite: Suite, task: TestsTask, program: str) -> Outcome | None:
        """Let a self-contained program fail in the process that those share; None where it has to have its own."""
        if self._shared is None or task.count or not suite.num_in_turn:
            return None
        if needs_child(program) or not is_self_contained(program):
            return None
        return self._shared.find_failure(suite, program, task.limits, may_wait=task.is_budget)

    @staticmethod
    def _watch(server: ForkServer, suite: Suite, program: str, limits: Limits) -> Outcome:
        seen: list[str] = []
        outcome = run_suite(server, replace(suite, seen=seen), program, limits, count=True)
        if len(seen) < len(suite.tests):  # it ended in the middle
            seen.append(str(outcome.verdict))
        num_returned = sum(word.startswith(RETURNED) for word in seen)
        return Outcome(num_passed=num_returned, detail=digest_of_text(" ".join(seen)), cpu_seconds=outcome.cpu_seconds)

    def _suite(self, problem_key: int, indices: tuple[int, ...] | None) -> Suite:
        key = (problem_key, indices)
        if key not in self._suites:
            tests = self._tests[problem_key]
            chosen = tuple(tests[index] for index in (range(len(tests)) if indices is None else indices))
            self._suites[key] = Suite.of(replace(self._problems[problem_key], tests=chosen))
        return self._suites[key]

    def _with_retries(self, program: str, run: Callable[[ForkServer], Outcome]) -> Outcome:
        """Run on a working fork server; a fault is tried again on a fresh one, and then named: ours, or the program's."""
        has_run = True
        for attempt in range(MAX_ATTEMPTS):
            if attempt:
                time.sleep(PAUSES_SECONDS[attempt - 1])
            server = None
            try:
                server = self._server_for(program)
                return run(server)
            except WeakIsolationError:
                raise
            except InfraError as error:
                while self._is_leaving:
                    signal.pause()
                self.close()
                has_run = has_run and server is not None
                detail = f"after {MAX_ATTEMPTS} attempts: {error}"
        if has_run and self._canary_passes():
            return Outcome(verdict=Verdict.CRASHED, detail=f"{detail}; a known-good program passes, so this one did it")
        return Outcome(verdict=Verdict.INFRA_ERROR, detail=detail)

    def _canary_passes(self) -> bool:
        try:
            outcome = run_suite(self._server_for(CANARY_PROGRAM), Suite.of(CANARY), CANARY_PROGRAM, Limits())
        except InfraError:
            self.close()
            return False
        return outcome.verdict is Verdict.PASSED

    def _server_for(self, program: str) -> ForkServer:
        is_loaded = bool(packages_to_preload(program))
        if is_loaded not in self._servers:
            self._servers[is_loaded] = self._start_server()
        return self._servers[is_loaded]

    def _start_server(self) -> ForkServer:
        server = ForkServer(self._layers, outer_wall=self._outer_wall)
        if level_of(server.layers) < self._required:
            server.close()
            raise WeakIsolationError(_refusal(self._required, server))
        return server


def _refusal(required: Level, server: ForkServer) -> str:
    level = level_of(server.layers)
    missing = "; ".join(f"{layer}: {reason}" for layer, reason in sorted(server.missing.items()))
    return (
        f"isolation level {level.name.lower()!r} ({LEVEL_TEXTS[level]}), but {required.name.lower()!r} is required; "
        f"missing here: {missing or 'what was left out'}. To run programs with less, say "
        f"require_isolation={level.name.lower()!r} (--require-isolation {level.name.lower()})"
    )


def _leave_with(connection: Connection[Answer, Message], worker: Worker) -> None:
    """End this process as soon as the other end of the connection is gone, whatever the main thread is doing."""
    poller = select.poll()
    poller.register(connection.fileno(), select.POLLHUP)
    poller.poll()
    worker.leave()
    os._exit(0)


def _answer(worker: Worker, job: Job) -> Answer:
    try:
        return job.number, worker.perform(job)
    except WeakIsolationError as error:
        return error


def main() -> None:
    """Serve the pool, until it hangs up. Arguments: descriptor, required level, layers, outer wall, sharing, package."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(OSError):  # a reply that arrives then interrupts no program on the same core
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    connection: Connection[Answer, Message] = Connection(int(sys.argv[1]))
    required, layers, outer_wall, share = sys.argv[2:6]
    worker = Worker(
        Level[required],
        frozenset(map(Layer, filter(None, layers.split(",")))),
        outer_wall=outer_wall == str(True),
        share=share == str(True),
    )
    threading.Thread(target=_leave_with, args=(connection, worker), daemon=True).start()
    try:
        while True:
            message = connection.recv()
            if isinstance(message, Job):
                connection.send(_answer(worker, message))
            elif isinstance(message, Lesson):
                worker.learn(message)
            elif isinstance(message, Rest):
                worker.rest()
            else:
                worker.forget()
    except (EOFError, ConnectionError):
        return
    finally:
        worker.close()
