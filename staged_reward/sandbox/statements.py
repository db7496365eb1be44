"""`assert` tests: statements that run in the judge, on handles of the program's objects. Trusted side."""

from __future__ import annotations

import io
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from staged_reward.alarm import AlarmError, alarm
from staged_reward.problem import AssertTest, Verdict
from staged_reward.sandbox.handles import Session
from staged_reward.sandbox.host import GuestProcess
from staged_reward.sandbox.outcome import Outcome, verdict_of_error
from staged_reward.sandbox.suite import Suite


class Statements:
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
            return verdict_of_error(names), f"{label}: {type(error).__name__}: {error}"
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
