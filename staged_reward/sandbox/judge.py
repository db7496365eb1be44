"""Tests + program → outcome. Trusted side: it holds the expected values, and the program's process never sees them.

A run that did not report every test has not passed, whatever it printed and however it exited.
"""

from __future__ import annotations

import ast
import io
import os
import random
import re
import reprlib
import signal
import sys
import types
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from staged_reward.alarm import AlarmError, alarm, cpu_alarm
from staged_reward.asserts import parse
from staged_reward.checks import EQUAL, run_check, validate_check
from staged_reward.errors import InputError
from staged_reward.limits import Limits
from staged_reward.problem import AssertTest, CallTest, Problem, StdioTest, Test, Verdict
from staged_reward.sandbox.codec import MalformedError, Record, Reference
from staged_reward.sandbox.compare import close, same_output
from staged_reward.sandbox.guest import OPAQUE, RAISED, VALUE
from staged_reward.sandbox.handles import Handle, Result, Session
from staged_reward.sandbox.host import ForkServer, GuestProcess, operation
from staged_reward.sandbox.reply import GuestGoneError, LoadError, Shapes, receive_reply
from staged_reward.sandbox.supervise import Ending, Reason
from staged_reward.sandbox.wire import FrameTooLargeError, frame

MAX_DETAIL_CHARS = 300
SCRIPT_HOST_CPU_SECONDS = 60.0  # for compiling and forking, on top of the tests' own limits

_CALL_SHAPES: Shapes = {VALUE: (object,), OPAQUE: (Reference,), RAISED: (list, str)}
_SCRIPT_SHAPES: Shapes = {VALUE: (int, int, float, bytes, bytes)}

_USES_NUMPY = re.compile(r"\bnumpy\b")
_repr = reprlib.Repr()
_repr.maxstring = _repr.maxother = _repr.maxlong = 80

_VERDICT_OF_REASON = {
    Reason.CPU: Verdict.TIMEOUT,
    Reason.WALL: Verdict.TIMEOUT,
    Reason.OUTPUT: Verdict.OUTPUT_LIMIT,
}
_VERDICT_OF_SIGNAL: dict[int, Verdict] = {signal.SIGXCPU: Verdict.TIMEOUT, signal.SIGXFSZ: Verdict.OUTPUT_LIMIT}


@dataclass(slots=True)
class Outcome:
    """What running a suite gave.

    Attributes:
        verdict: `passed`, or that of the first test that failed.
        num_passed: Tests passed.
        num_run: Tests run, a failed one included.
        detail: The first failure, in one line.
        cpu_seconds: CPU time of the program's processes, in total.
        longest_cpu_seconds: The largest CPU time of any one process: what a limit per process has to cover.
    """

    verdict: Verdict = Verdict.PASSED
    num_passed: int = 0
    num_run: int = 0
    detail: str = ""
    cpu_seconds: float = 0.0
    longest_cpu_seconds: float = 0.0

    def note(self, verdict: Verdict, detail: str = "") -> None:
        """Count one test."""
        self.num_run += 1
        self.num_passed += verdict is Verdict.PASSED
        self.fail(verdict, detail)

    def fail(self, verdict: Verdict, detail: str) -> None:
        """Keep the first failure."""
        if self.verdict is Verdict.PASSED and verdict is not Verdict.PASSED:
            self.verdict = verdict
            line = " ".join(detail[: 10 * MAX_DETAIL_CHARS].split())[:MAX_DETAIL_CHARS]
            self.detail = "".join(char if char.isprintable() else "\ufffd" for char in line)

    def add_cost(self, cpu_seconds: float) -> None:
        """Count the CPU time of one process."""
        self.cpu_seconds += cpu_seconds
        self.longest_cpu_seconds = max(self.longest_cpu_seconds, cpu_seconds)


@dataclass(slots=True)
class Suite:
    """The tests of one problem, made ready to run many programs against; `of` makes one."""

    tests: Sequence[Test]
    entry_point: str
    setup: str
    imports: str = ""
    calls_frames: dict[int, bytes] = field(default_factory=dict)
    checks: list[types.CodeType | None] = field(default_factory=list)
    codes: dict[str, types.CodeType] = field(default_factory=dict)
    names: frozenset[str] = frozenset()

    @classmethod
    def of(cls, problem: Problem, indices: Sequence[int] | None = None) -> Suite:
        """Make the suite of a problem's tests, or of some of them, in the order given.

        Raises:
            InputError: A test, or the setup, does not compile.
        """
        tests = problem.tests if indices is None else [problem.tests[i] for i in indices]
        suite = cls(tests, problem.entry_point or "", problem.setup, imports_of(problem.setup))
        suite.checks = [validate_check(t.check) if isinstance(t, CallTest) and t.check else None for t in tests]
        sources = [test.code for test in tests if isinstance(test, AssertTest)]
        if sources:
            suite.codes = {source: compile_statements(source) for source in (problem.setup, *sources)}
            suite.names = frozenset(name for source in suite.codes for name in _names_in(parse(source)))
        return suite

    def calls_frame(self, start: int) -> bytes:
        """Return the operation that makes the calls of the run of `call` tests which begins at `start`."""
        if start not in self.calls_frames:
            end = self.end_of_run(start)
            calls = [[list(t.args), dict(t.kwargs)] for t in self.tests[start:end] if isinstance(t, CallTest)]
            self.calls_frames[start] = operation("calls", self.entry_point, calls)
        return self.calls_frames[start]

    def end_of_run(self, start: int) -> int:
        """Return where the run of tests of one kind that begins at `start` ends."""
        kind = type(self.tests[start])
        end = start
        while end < len(self.tests) and type(self.tests[end]) is kind:
            end += 1
        return end


def imports_of(setup: str) -> str:
    """Return the import statements at the top level of a setup: what programs were written to find in scope."""
    if "import" not in setup:
        return ""
    kept = [node for node in parse(setup).body if isinstance(node, ast.Import | ast.ImportFrom)]
    return "\n".join(map(ast.unparse, kept))


def run_suite(server: ForkServer, suite: Suite, program: str, limits: Limits, *, count: bool = False) -> Outcome:
    """Run a program against a suite.

    Args:
        server: Where programs run.
        suite: The tests.
        program: Python source.
        limits: For each of the program's processes.
        count: Go on after a failed test, to count; otherwise the first failure ends the run. What ends the program's
            process ends the run in any case.

    Raises:
        InfraError: The sandbox failed.
    """
    outcome = Outcome()
    wants_numpy = bool(_USES_NUMPY.search(program))
    has_scripts = any(isinstance(test, StdioTest) for test in suite.tests)
    has_objects = any(not isinstance(test, StdioTest) for test in suite.tests)
    if has_objects:
        guest = server.start(limits, wants_numpy=wants_numpy)
        _run_objects(guest, suite, program, outcome, count=count, wall_seconds=limits.wall_seconds)
    if has_scripts and (count or outcome.verdict is Verdict.PASSED):
        _run_scripts(server, suite, program, limits, outcome, count=count, wants_numpy=wants_numpy)
    assert outcome.verdict is not Verdict.PASSED or outcome.num_passed == len(suite.tests)
    return outcome


def _run_objects(
    guest: GuestProcess, suite: Suite, program: str, outcome: Outcome, *, count: bool, wall_seconds: float
) -> None:
    """Run the `call` and `assert` tests in one process, in order."""
    guest.send(operation("load", program, suite.imports))
    completed = False
    try:
        with cpu_alarm(wall_seconds):
            _run_in_order(guest, suite, outcome, count=count, wall_seconds=wall_seconds)
        completed = True
    except GuestGoneError:
        outcome.note(*_verdict_of_ending(guest.hang_up()))
    except LoadError as error:
        outcome.note(*_verdict_of_load(error))
    except AlarmError:
        outcome.note(Verdict.TIMEOUT, f"comparing its results took over {wall_seconds:.0f} s")
    except FrameTooLargeError as error:
        outcome.note(Verdict.OUTPUT_LIMIT, str(error))
    except MalformedError as error:
        outcome.note(Verdict.CRASHED, f"the program's process sent what is no reply: {error}")
    ending = guest.hang_up() if completed and outcome.verdict is Verdict.PASSED else guest.end(kill=True)
    outcome.add_cost(ending.cpu_seconds)


def _run_in_order(guest: GuestProcess, suite: Suite, outcome: Outcome, *, count: bool, wall_seconds: float) -> None:
    statements = _Statements(guest, suite, wall_seconds)
    for start in _runs(suite):
        if isinstance(suite.tests[start], CallTest):
            _run_calls(guest, suite, start, outcome, count=count)
        elif isinstance(suite.tests[start], AssertTest):
            statements.run(start, outcome, count=count)
        if outcome.verdict is not Verdict.PASSED and not count:
            return


def _runs(suite: Suite) -> Iterator[int]:
    start = 0
    while start < len(suite.tests):
        yield start
        start = suite.end_of_run(start)


def _run_calls(guest: GuestProcess, suite: Suite, start: int, outcome: Outcome, *, count: bool) -> None:
    guest.send(suite.calls_frame(start))
    live: list[tuple[CallTest, types.CodeType, Reference]] = []
    for index in range(start, suite.end_of_run(start)):
        kind, rest = receive_reply(guest, _CALL_SHAPES)
        test, check = suite.tests[index], suite.checks[index]
        assert isinstance(test, CallTest)
        if kind == OPAQUE and check is not None and test.check != EQUAL:
            live.append((test, check, rest[0]))
            continue
        outcome.note(*_judge_reply(kind, rest, test, check, suite.entry_point))
        if outcome.verdict is not Verdict.PASSED and not count:
            return
    session = Session(guest, Result)
    for test, check, reference in live:  # objects that stay where they are, once every reply is in
        judged = _judge_result(Result(session, reference), test, check, suite.entry_point)
        if session.failure is not None:
            raise session.failure
        outcome.note(*judged)
        if outcome.verdict is not Verdict.PASSED and not count:
            return


def _judge_reply(
    kind: int, rest: Sequence[Any], test: CallTest, check: types.CodeType | None, entry_point: str
) -> tuple[Verdict, str]:
    if kind == RAISED:
        return _verdict_of_error(rest[0]), f"{_call_text(entry_point, test)} raised {rest[0][0]}: {rest[1]}"
    if kind == OPAQUE:
        return Verdict.WRONG_ANSWER, f"{_call_text(entry_point, test)} returned no plain data: {rest[0].type_name}"
    return _judge_result(rest[0], test, check, entry_point)


def _judge_result(result: Any, test: CallTest, check: types.CodeType | None, entry_point: str) -> tuple[Verdict, str]:
    if _satisfies(result, test, check):
        return Verdict.PASSED, ""
    wanted = (
        f"check `{test.check}`, expected {short(test.expected)}" if test.check else f"expected {short(test.expected)}"
    )
    return Verdict.WRONG_ANSWER, f"{_call_text(entry_point, test)} returned {short(result)}; {wanted}"


def _satisfies(result: Any, test: CallTest, check: types.CodeType | None) -> bool:
    try:
        if check is None:
            return close(result, test.expected)
        return type(result) is not Record and run_check(check, result, test.expected)
    except Exception:  # noqa: BLE001  the check does not apply to a result of this type; so the result is wrong
        return False


def _verdict_of_error(names: Sequence[str]) -> Verdict:
    return Verdict.MEMORY_LIMIT if "MemoryError" in names else Verdict.RUNTIME_ERROR


def _verdict_of_load(error: LoadError) -> tuple[Verdict, str]:
    verdict = _verdict_of_error(error.names) if error.is_parsed else Verdict.SYNTAX_ERROR
    return verdict, f"{error.names[0]}: {error.message}"


def _verdict_of_ending(ending: Ending) -> tuple[Verdict, str]:
    if ending.reason in _VERDICT_OF_REASON:
        words = {Reason.CPU: "CPU time limit", Reason.WALL: "waited too long", Reason.OUTPUT: "too much output"}
        return _VERDICT_OF_REASON[ending.reason], words[ending.reason]
    if os.WIFSIGNALED(ending.status):
        number = os.WTERMSIG(ending.status)
        name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
        return _VERDICT_OF_SIGNAL.get(number, Verdict.CRASHED), f"the process was ended by {name}"
    return (
        Verdict.CRASHED,
        f"the process ended with status {os.WEXITSTATUS(ending.status)} before it reported every test",
    )


def _call_text(entry_point: str, test: CallTest) -> str:
    arguments = [short(arg) for arg in test.args] + [f"{key}={short(value)}" for key, value in test.kwargs.items()]
    return f"{entry_point}({', '.join(arguments)})"


def short(value: Any) -> str:
    """Return a `repr` of bounded size and cost."""
    if isinstance(value, Handle):
        return "<an object of the program>"
    try:
        return _repr.repr(value)
    except ValueError:  # an int of more digits than Python prints
        return f"<{type(value).__name__}>"


class _Statements:
    """Runs `assert` tests: statements in one namespace, in this process, on handles of the program's objects."""

    def __init__(self, guest: GuestProcess, suite: Suite, wall_seconds: float) -> None:
        self._session = Session(guest)
        self._suite = suite
        self._wall_seconds = wall_seconds
        self._namespace: dict[str, Any] | None = None

    def run(self, start: int, outcome: Outcome, *, count: bool) -> None:
        if self._namespace is None:
            self._namespace = {"__name__": "tests"}
            self._namespace |= self._session.names(self._suite.names, entry_point=self._suite.entry_point)
            verdict, detail = self._execute(self._suite.setup, "the problem's setup")
            if verdict is not Verdict.PASSED:
                outcome.note(verdict, detail)
                return
        for test in self._suite.tests[start : self._suite.end_of_run(start)]:
            assert isinstance(test, AssertTest)
            outcome.note(*self._execute(test.code, test.code))
            if outcome.verdict is not Verdict.PASSED and not count:
                return

    def _execute(self, source: str, label: str) -> tuple[Verdict, str]:
        judged = self._attempt(source, label)
        if self._session.failure is not None:  # also where a bare `except` in the test has hidden it
            raise self._session.failure
        return judged

    def _attempt(self, source: str, label: str) -> tuple[Verdict, str]:
        random.seed(0)  # same program, same verdict
        try:
            with _quiet(), alarm(self._wall_seconds):
                exec(self._suite.codes[source], self._namespace)
        except AssertionError as error:
            return Verdict.WRONG_ANSWER, f"{label} {error}"
        except AlarmError:
            return Verdict.TIMEOUT, f"{label}: the test did not end within {self._wall_seconds:.0f} s"
        except Exception as error:  # noqa: BLE001  what the program raised reaches the test as this exception
            names = [kind.__name__ for kind in type(error).__mro__]
            return _verdict_of_error(names), f"{label}: {type(error).__name__}: {error}"
        except SystemExit as error:
            return Verdict.RUNTIME_ERROR, f"{label}: SystemExit: {error}"
        return Verdict.PASSED, ""


@contextmanager
def _quiet() -> Iterator[None]:
    before, sys.stdout = sys.stdout, io.StringIO()
    try:
        yield
    finally:
        sys.stdout = before


def compile_statements(source: str) -> types.CodeType:
    """Compile test source, without its warnings.

    Raises:
        InputError: It does not compile.
    """
    tree = parse(source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return compile(tree, "<tests>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InputError(f"test source does not compile: {error}") from error


def _names_in(tree: ast.Module) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _run_scripts(
    server: ForkServer,
    suite: Suite,
    program: str,
    limits: Limits,
    outcome: Outcome,
    *,
    count: bool,
    wants_numpy: bool,
) -> None:
    """Run the `stdio` tests, each in a process of its own, forked from one that has compiled the program."""
    tests = [test for test in suite.tests if isinstance(test, StdioTest)]
    guest = server.start(_limits_of_script_host(limits, len(tests)), wants_numpy=wants_numpy)
    max_output_bytes = limits.output_mib << 20
    guest.send(
        operation(
            "scripts", program, suite.imports, len(tests), limits.cpu_seconds, limits.wall_seconds, max_output_bytes
        )
    )
    try:
        for test in tests:
            verdict, detail, cpu_seconds = _judge_script(guest, test)
            outcome.note(verdict, detail)
            outcome.add_cost(cpu_seconds)
            if verdict is not Verdict.PASSED and (not count or verdict is Verdict.TIMEOUT):
                break
    except GuestGoneError:
        outcome.note(*_verdict_of_ending(guest.hang_up()))
    except LoadError as error:
        outcome.note(*_verdict_of_load(error))
    except (MalformedError, FrameTooLargeError) as error:
        outcome.note(Verdict.CRASHED, f"the program's process sent what is no reply: {error}")
    outcome.cpu_seconds = max(outcome.cpu_seconds, guest.end(kill=outcome.verdict is not Verdict.PASSED).cpu_seconds)


def _limits_of_script_host(limits: Limits, num_tests: int) -> Limits:
    return Limits(
        cpu_seconds=SCRIPT_HOST_CPU_SECONDS + limits.cpu_seconds,
        wall_seconds=SCRIPT_HOST_CPU_SECONDS + limits.wall_seconds * num_tests,
        memory_mib=limits.memory_mib,
        output_mib=(limits.output_mib + 1) * num_tests,
        file_mib=max(limits.file_mib, limits.output_mib),
        num_processes=limits.num_processes,
    )


def _judge_script(guest: GuestProcess, test: StdioTest) -> tuple[Verdict, str, float]:
    guest.send(frame(test.stdin.encode("utf-8", "surrogatepass")))
    _, (reason, status, cpu_seconds, stdout, stderr) = receive_reply(guest, _SCRIPT_SHAPES)
    if reason not in set(Reason):
        raise MalformedError("no reason for an ending")
    verdict, detail = _verdict_of_script(Reason(reason), status, stdout, stderr.decode("utf-8", "replace"), test)
    return verdict, detail, cpu_seconds


def _verdict_of_script(reason: Reason, status: int, stdout: bytes, stderr: str, test: StdioTest) -> tuple[Verdict, str]:
    if reason is not Reason.EXITED or os.WIFSIGNALED(status):
        return _verdict_of_ending(Ending(reason, status, 0.0, 0.0))
    if os.WEXITSTATUS(status) != 0:
        return (Verdict.MEMORY_LIMIT if "MemoryError" in stderr else Verdict.RUNTIME_ERROR), stderr
    output = stdout.decode("utf-8", "replace")
    if same_output(output, test.stdout):
        return Verdict.PASSED, ""
    return Verdict.WRONG_ANSWER, f"stdin {short(test.stdin)}: printed {short(output)}; expected {short(test.stdout)}"
