"""Tests + program → outcome. Trusted side: it holds the expected values, and the program's process never sees them.

A run that did not report every test has not passed, whatever it printed and however it exited.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from staged_reward.alarm import AlarmError, cpu_alarm
from staged_reward.checks import EQUAL, run_check
from staged_reward.errors import InfraError
from staged_reward.imports import missing_import
from staged_reward.limits import Limits
from staged_reward.problem import AssertTest, CallTest, StdioTest, Verdict
from staged_reward.sandbox.apart import ApartError, run_apart
from staged_reward.sandbox.codec import MalformedError, Record, Reference, TooLargeError
from staged_reward.sandbox.compare import close
from staged_reward.sandbox.compiled import compiled
from staged_reward.sandbox.guest import OPAQUE, RAISED, VALUE, Code
from staged_reward.sandbox.handles import Result
from staged_reward.sandbox.host import GRACE_SECONDS, ForkServer, GuestProcess, operation, packages_to_preload
from staged_reward.sandbox.observe import digest_of_value
from staged_reward.sandbox.outcome import Outcome, short, verdict_of_ending, verdict_of_error, verdict_of_load
from staged_reward.sandbox.reply import GuestGoneError, LoadError, Shapes, receive_whole_reply
from staged_reward.sandbox.session import Session
from staged_reward.sandbox.statements import Statements
from staged_reward.sandbox.stdio import run_scripts
from staged_reward.sandbox.suite import Suite
from staged_reward.sandbox.wire import FrameTooLargeError
from staged_reward.stages.syntax import describe, needs_child

MAX_SENT_CHARS = 3000  # of a detail

# what ends the conversation with a program, in whichever process it is noticed
_ENDS = (GuestGoneError, LoadError, AlarmError, FrameTooLargeError, TooLargeError, MalformedError, InfraError)
CALL_SHAPES: Shapes = {VALUE: (object,), OPAQUE: (Reference,), RAISED: (list, str)}


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
    packages = packages_to_preload(program)
    has_scripts = any(isinstance(test, StdioTest) for test in suite.tests)
    has_objects = any(not isinstance(test, StdioTest) for test in suite.tests)
    try:
        code = compiled(program)
    except SyntaxError as error:
        outcome.note(Verdict.SYNTAX_ERROR, describe(error))
        return outcome
    missing = None if has_scripts or needs_child(program) else missing_import(program)
    if missing is not None:  # the one thing that would come of it
        outcome.note(Verdict.RUNTIME_ERROR, f"ModuleNotFoundError: No module named {missing!r}")
    elif has_objects:
        guest = server.start(limits, packages=packages)
        _run_objects(guest, suite, code, outcome, count=count, wall_seconds=limits.wall_seconds)
    if has_scripts and (count or outcome.verdict is Verdict.PASSED):
        run_scripts(server, suite, code, limits, outcome, count=count, packages=packages)
    assert outcome.verdict is not Verdict.PASSED or outcome.num_passed == len(suite.tests)
    return outcome


def _run_objects(
    guest: GuestProcess, suite: Suite, code: Code, outcome: Outcome, *, count: bool, wall_seconds: float
) -> None:
    """Run the `call` and `assert` tests in one process, in order."""
    guest.send(operation("load", code, suite.imports))
    completed = False
    try:
        if suite.has_statements:
            _run_statements(guest, suite, outcome, count=count, wall_seconds=wall_seconds)
        else:
            with cpu_alarm(wall_seconds):
                _run_in_order(guest, suite, outcome, count=count, wall_seconds=wall_seconds, judge_alone=_apart)
        completed = True
    except GuestGoneError:
        outcome.note(*verdict_of_ending(guest.hang_up()))
    except LoadError as error:
        outcome.note(*verdict_of_load(error))
    except AlarmError:
        outcome.note(Verdict.TIMEOUT, f"comparing its results took over {wall_seconds:.0f} s")
    except ApartError as error:
        outcome.note(error.verdict, error.detail)
    except (FrameTooLargeError, TooLargeError) as error:
        outcome.note(Verdict.OUTPUT_LIMIT, f"it sent too much: {error}")
    except MalformedError as error:
        outcome.note(Verdict.CRASHED, f"the program's process sent what is no reply: {error}")
    ending = guest.hang_up() if completed and outcome.verdict is Verdict.PASSED else guest.end(kill=True)
    outcome.add_cost(ending.cpu_seconds)


def _run_statements(guest: GuestProcess, suite: Suite, outcome: Outcome, *, count: bool, wall_seconds: float) -> None:
    """Run tests in a process of their own, since some are arbitrary code on what the program returned."""

    def work(send: Callable[[Any], None]) -> None:
        _run_in_order(guest, suite, _Sent(send), count=count, wall_seconds=wall_seconds, judge_alone=_here)

    run_apart(
        work,
        lambda noted: outcome.note(Verdict(noted[0]), noted[1]),
        cpu_seconds=wall_seconds,
        wall_seconds=_backstop(wall_seconds, len(suite.tests)),
        raises=_ENDS,
    )


class _Sent(Outcome):
    """An outcome whose tests are noted elsewhere, too."""

    def __init__(self, send: Callable[[Any], None]) -> None:
        super().__init__()
        self._send = send

    def note(self, verdict: Verdict, detail: str = "") -> None:
        super().note(verdict, detail)
        self._send([verdict.value, detail[:MAX_SENT_CHARS]])


def _backstop(wall_seconds: float, num_tests: int) -> float:
    return wall_seconds * (num_tests + 1) + GRACE_SECONDS


Judge = Callable[[], tuple[Verdict, str]]


def _run_in_order(
    guest: GuestProcess,
    suite: Suite,
    outcome: Outcome,
    *,
    count: bool,
    wall_seconds: float,
    judge_alone: Callable[[Judge, float], tuple[Verdict, str]],
) -> None:
    statements: Statements | None = None
    for start in _runs(suite):
        if isinstance(suite.tests[start], CallTest):
            _run_calls(guest, suite, start, outcome, count=count, wall_seconds=wall_seconds, judge_alone=judge_alone)
        elif isinstance(suite.tests[start], AssertTest):
            statements = statements or Statements(guest, suite, wall_seconds)
            statements.run(start, outcome, count=count)
        if outcome.verdict is not Verdict.PASSED and not count:
            return


def _runs(suite: Suite) -> Iterator[int]:
    start = 0
    while start < len(suite.tests):
        yield start
        start = suite.end_of_run(start)


def _run_calls(
    guest: GuestProcess,
    suite: Suite,
    start: int,
    outcome: Outcome,
    *,
    count: bool,
    wall_seconds: float,
    judge_alone: Callable[[Judge, float], tuple[Verdict, str]],
) -> None:
    end = suite.end_of_run(start)
    guest.send(suite.calls_frame(start, end))
    live: list[tuple[CallTest, types.CodeType, Reference]] = []
    for index in range(start, end):
        reply = receive_whole_reply(guest, CALL_SHAPES)
        kind, rest = reply.kind, reply.items
        if suite.seen is not None:
            suite.seen.append(_digest(kind, rest))
            outcome.note(Verdict.PASSED)
            continue
        test, check = suite.call(index), suite.checks[index]
        if kind == OPAQUE and check is not None and test.check != EQUAL:
            live.append((test, check, rest[0]))
            continue
        judge = functools.partial(judge_reply, kind, rest, test, check, suite.entry_point)
        is_simple = check is None or test.check == EQUAL or reply.is_light()
        outcome.note(*(judge() if is_simple else judge_alone(judge, wall_seconds)))
        if outcome.verdict is not Verdict.PASSED and not count:
            return
    for test, check, reference in live:  # objects that stay where they are, once every reply is in
        judge = functools.partial(_judge_live, guest, reference, test, check, suite.entry_point)
        outcome.note(*judge_alone(judge, wall_seconds))
        if outcome.verdict is not Verdict.PASSED and not count:
            return


def _digest(kind: int, rest: Sequence[Any]) -> str:
    if kind == RAISED:
        return f"raised {rest[0][0]}"
    return f"object {rest[0].type_name}" if kind == OPAQUE else digest_of_value(rest[0])


def _here(judge: Judge, wall_seconds: float) -> tuple[Verdict, str]:
    """Judge one result in this process, which is one of its own already."""
    with cpu_alarm(wall_seconds):
        return judge()


def _apart(judge: Judge, wall_seconds: float) -> tuple[Verdict, str]:
    """Judge one result in a process of its own: a check takes time, and memory, as the result has it."""
    judged: list[Any] = []

    def work(send: Callable[[Any], None]) -> None:
        verdict, detail = _here(judge, wall_seconds)
        send([verdict.value, detail[:MAX_SENT_CHARS]])

    seconds = _backstop(wall_seconds, 1)
    run_apart(work, judged.extend, cpu_seconds=wall_seconds, wall_seconds=seconds, raises=_ENDS)
    return Verdict(judged[0]), judged[1]


def _judge_live(
    guest: GuestProcess, reference: Reference, test: CallTest, check: types.CodeType, entry_point: str
) -> tuple[Verdict, str]:
    session = Session(guest, Result)
    judged = _judge_result(Result(session, reference), test, check, entry_point)
    if session.failure is not None:
        raise session.failure
    return judged


def judge_reply(
    kind: int, rest: Sequence[Any], test: CallTest, check: types.CodeType | None, entry_point: str
) -> tuple[Verdict, str]:
    """Return the verdict, and what was wrong, of the reply to one call."""
    if kind == RAISED:
        return verdict_of_error(rest[0]), f"{_call_text(entry_point, test)} raised {rest[0][0]}: {rest[1]}"
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
    except _ENDS:
        raise
    except BaseException:  # noqa: BLE001  the check does not apply to it, or the program raised: it is wrong
        return False


def _call_text(entry_point: str, test: CallTest) -> str:
    arguments = [short(arg) for arg in test.args] + [f"{key}={short(value)}" for key, value in test.kwargs.items()]
    return f"{entry_point}({', '.join(arguments)})"
