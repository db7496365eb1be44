"""`assert` tests: statements that run on handles of the program's objects. Trusted side, in a process of its own."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from random import seed
from typing import Any

from staged_reward.alarm import AlarmError, alarm
from staged_reward.problem import AssertTest, Verdict
from staged_reward.sandbox.host import GuestProcess
from staged_reward.sandbox.lending import text_of
from staged_reward.sandbox.outcome import Outcome, verdict_of_error
from staged_reward.sandbox.reply import GuestGoneError, LoadError
from staged_reward.sandbox.session import Session
from staged_reward.sandbox.stand_ins import namespace_of_tests
from staged_reward.sandbox.suite import Suite

# A backstop, in wall limits: CPU time is bounded where it is used, and a busy machine makes everybody wait.
PATIENCE = 4.0
LAST_SECONDS = 0.5  # for a test that goes on after its alarm, because it catches everything


class Statements:
    """Runs `assert` tests: statements in one namespace, in this process, on handles of the program's objects."""

    def __init__(self, guest: GuestProcess, suite: Suite, wall_seconds: float) -> None:
        self._session = Session(guest)
        self._suite = suite
        self._wall_seconds = wall_seconds
        self._namespace: dict[str, Any] | None = None

    def run(self, start: int, outcome: Outcome, *, count: bool) -> None:
        if self._namespace is None:
            self._namespace = self._session.raiser.namespace = namespace_of_tests(self._session, self._suite)
            self._namespace |= self._session.names(self._suite.names, entry_point=self._suite.entry_point)
            verdict, detail = self._execute(self._suite.setup, "the problem's setup")
            if verdict is not Verdict.PASSED:
                outcome.note(verdict, detail)
                return
        for test in self._suite.tests[start : self._suite.end_of_run(start)]:
            assert isinstance(test, AssertTest)
            verdict, detail = self._execute(test.code, test.code)
            if verdict is Verdict.PASSED and test is self._suite.last_statements:
                verdict, detail = self._probe(test.code)
            outcome.note(verdict, detail)
            if outcome.verdict is not Verdict.PASSED and not count:
                return

    def _execute(self, source: str, label: str) -> tuple[Verdict, str]:
        self._session.remarks.clear()
        self._session.lender.failed_assert = None
        verdict, detail = self._attempt(source)
        if self._session.failure is not None:  # also where a bare `except` in the test has hidden it
            raise self._session.failure
        if verdict is Verdict.PASSED:
            return verdict, ""
        remarks = "; ".join(self._session.remarks)
        return verdict, f"{label}{detail}{f' (note: {remarks})' if remarks else ''}"

    def _probe(self, label: str) -> tuple[Verdict, str]:
        """Judge the equalities on which all the tests relied."""
        with _quiet(), alarm(PATIENCE * self._wall_seconds, last_seconds=LAST_SECONDS):
            complaint = self._session.prober.complaint()
        if self._session.failure is not None:
            raise self._session.failure
        return (Verdict.WRONG_ANSWER, f"{label}: {complaint}") if complaint else (Verdict.PASSED, "")

    def _attempt(self, source: str) -> tuple[Verdict, str]:
        seed(0)  # same program, same verdict
        try:
            with _quiet(), alarm(PATIENCE * self._wall_seconds, last_seconds=LAST_SECONDS) as bell:
                try:
                    exec(self._suite.codes[source], self._namespace)
                    judged = self._judge_silence()
                except (AlarmError, GuestGoneError, LoadError):
                    raise
                except BaseException as error:  # noqa: BLE001  what the program raised reaches the test as this
                    judged = _judge_error(error)
            if not bell.rang:
                return judged
        except AlarmError:
            pass
        return Verdict.TIMEOUT, f": the test did not end within {PATIENCE * self._wall_seconds:.0f} s"

    def _judge_silence(self) -> tuple[Verdict, str]:
        """Judge a test that raised nothing."""
        if self._session.lender.failed_assert is not None:
            return Verdict.WRONG_ANSWER, f": an assert failed in a call back: {self._session.lender.failed_assert}"
        return Verdict.PASSED, ""


def _judge_error(error: BaseException) -> tuple[Verdict, str]:
    if isinstance(error, AssertionError):
        return Verdict.WRONG_ANSWER, f" {text_of(error)}" if error.args else ""
    names = [kind.__name__ for kind in type(error).__mro__]
    return verdict_of_error(names), f": {names[0]}: {text_of(error)}"


@contextmanager
def _quiet() -> Iterator[None]:
    before = sys.stdout, sys.stderr, sys.stdin
    sys.stdout, sys.stderr = io.StringIO(), io.StringIO()
    try:
        yield
    finally:
        sys.stdout, sys.stderr, sys.stdin = before
