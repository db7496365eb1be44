"""Tests + program → outcome. Trusted side: it holds the expected values, and the program's process never sees them.

A run that did not report every test has not passed, whatever it printed and however it exited.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Sequence
from typing import Any

from staged_reward.alarm import AlarmError, cpu_alarm
from staged_reward.checks import EQUAL, run_check
from staged_reward.limits import Limits
from staged_reward.problem import AssertTest, CallTest, StdioTest, Verdict
from staged_reward.sandbox.codec import MalformedError, Record, Reference
from staged_reward.sandbox.compare import close
from staged_reward.sandbox.guest import OPAQUE, RAISED, VALUE
from staged_reward.sandbox.handles import Result, Session
from staged_reward.sandbox.host import ForkServer, GuestProcess, operation, packages_to_preload
from staged_reward.sandbox.outcome import Outcome, short, verdict_of_ending, verdict_of_error, verdict_of_load
from staged_reward.sandbox.reply import GuestGoneError, LoadError, Shapes, receive_reply
from staged_reward.sandbox.statements import Statements
from staged_reward.sandbox.stdio import run_scripts
from staged_reward.sandbox.suite import Suite
from staged_reward.sandbox.wire import FrameTooLargeError

_CALL_SHAPES: Shapes = {VALUE: (object,), OPAQUE: (Reference,), RAISED: (list, str)}


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
    if has_objects:
        guest = server.start(limits, packages=packages)
        _run_objects(guest, suite, program, outcome, count=count, wall_seconds=limits.wall_seconds)
    if has_scripts and (count or outcome.verdict is Verdict.PASSED):
        run_scripts(server, suite, program, limits, outcome, count=count, packages=packages)
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
        outcome.note(*verdict_of_ending(guest.hang_up()))
    except LoadError as error:
        outcome.note(*verdict_of_load(error))
    except AlarmError:
        outcome.note(Verdict.TIMEOUT, f"comparing its results took over {wall_seconds:.0f} s")
    except FrameTooLargeError as error:
        outcome.note(Verdict.OUTPUT_LIMIT, str(error))
    except MalformedError as error:
        outcome.note(Verdict.CRASHED, f"the program's process sent what is no reply: {error}")
    ending = guest.hang_up() if completed and outcome.verdict is Verdict.PASSED else guest.end(kill=True)
    outcome.add_cost(ending.cpu_seconds)


def _run_in_order(guest: GuestProcess, suite: Suite, outcome: Outcome, *, count: bool, wall_seconds: float) -> None:
    statements = Statements(guest, suite, wall_seconds)
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
    except Exception:  # noqa: BLE001  the check does not apply to a result of this type; so the result is wrong
        return False


def _call_text(entry_point: str, test: CallTest) -> str:
    arguments = [short(arg) for arg in test.args] + [f"{key}={short(value)}" for key, value in test.kwargs.items()]
    return f"{entry_point}({', '.join(arguments)})"
