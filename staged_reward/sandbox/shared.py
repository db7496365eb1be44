"""One process in which self-contained programs take turns, in order to fail. Trusted side.

To fork, confine and end a process costs several times what a short program and its first tests do. A program that can do
nothing but compute (see `self_contained`) leaves nothing behind, and so the next one can have the same process. What fails
there has failed. What passes a few tests there has shown nothing: it runs from its beginning in a process of its own, as
does whatever is in doubt: a process that ended, memory or stack that ran out. So no program passes by what another one did.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from staged_reward.alarm import AlarmError, cpu_alarm
from staged_reward.errors import InfraError
from staged_reward.limits import Limits
from staged_reward.problem import Verdict
from staged_reward.sandbox.codec import MalformedError, TooLargeError
from staged_reward.sandbox.compiled import compiled
from staged_reward.sandbox.guest import RAISED, VALUE
from staged_reward.sandbox.host import ForkServer, GuestProcess, operation
from staged_reward.sandbox.judge import CALL_SHAPES, judge_reply
from staged_reward.sandbox.outcome import WORDS, Outcome, verdict_of_load
from staged_reward.sandbox.reply import GuestGoneError, LoadError, receive_reply
from staged_reward.sandbox.suite import Suite
from staged_reward.sandbox.supervise import Reason
from staged_reward.sandbox.wire import FrameTooLargeError

MAX_PROGRAMS = 256  # of one process
MAX_TESTS = 8  # of one program: it would not be worth it to run them all twice
TURN_SECONDS = 0.03  # of CPU time
MAX_FAULTS = 3  # of the sandbox; then no program takes turns any more, since every new start may fail as slowly
PROCESS_SECONDS = 0.003  # what a process of its own takes beside the program, for budgets made from both kinds
PROCESS_CPU_SECONDS, PROCESS_WALL_SECONDS = 60.0, 10.0  # of all turns together; waiting for a program is wall time

_IN_DOUBT = frozenset({"MemoryError", "RecursionError"})
_SPENT, _FORGET = operation("spent"), operation("forget")


class SharedProcess:
    """A guest that is kept from program to program, on a fork server of its own.

    Args:
        start_server: Makes the fork server when it is needed.
    """

    def __init__(self, start_server: Callable[[], ForkServer]) -> None:
        self._start_server = start_server
        self._server: ForkServer | None = None
        self._guest: GuestProcess | None = None
        self._limits: Limits | None = None
        self._num_programs = self._num_faults = 0

    def find_failure(self, suite: Suite, program: str, limits: Limits) -> Outcome | None:
        """Run a self-contained program against the first tests of a suite that `is_shareable`.

        Returns:
            What a process of its own would have given, where the program fails; None where only that can tell.
        """
        if self._num_faults >= MAX_FAULTS:
            return None
        outcome = Outcome()
        try:
            guest = self._ready(limits)
            with cpu_alarm(limits.wall_seconds):
                is_certain = self._take_turn(guest, suite, program, outcome, min(TURN_SECONDS, limits.cpu_seconds))
        except GuestGoneError:
            is_certain = self._is_timeout(limits) and outcome.verdict is Verdict.PASSED
            if is_certain:
                outcome.note(Verdict.TIMEOUT, WORDS[Reason.CPU])
                outcome.add_cost(limits.cpu_seconds)
        except (AlarmError, FrameTooLargeError, TooLargeError, MalformedError):
            self.rest()
            return None
        except InfraError:
            self._num_faults += 1
            self.close()
            return None
        return None if outcome.verdict is Verdict.PASSED or not is_certain else outcome

    def rest(self) -> None:
        """End the guest, until there is a next program."""
        guest, self._guest = self._guest, None
        if guest is not None:
            with suppress(InfraError):
                guest.end(kill=True)

    def close(self) -> None:
        """End the fork server too."""
        if self._server is not None:
            self._server.close()
        self._server = self._guest = None

    def end(self) -> None:
        """End the fork server from another thread."""
        if self._server is not None:
            self._server.end()

    def _ready(self, limits: Limits) -> GuestProcess:
        """Return a guest that waits for a program: the one before has been forgotten, or it is a new one."""
        limits = replace(limits, cpu_seconds=PROCESS_CPU_SECONDS, wall_seconds=PROCESS_WALL_SECONDS)
        if self._guest is not None:
            try:
                receive_reply(self._guest, {VALUE: ()})
            except GuestGoneError:
                self.rest()
        if self._num_programs >= MAX_PROGRAMS or limits != self._limits:
            self.rest()
        if self._guest is None:
            self._server = self._server or self._start_server()
            self._guest, self._limits, self._num_programs = self._server.start(limits), limits, 0
        self._num_programs += 1
        return self._guest

    @staticmethod
    def _take_turn(guest: GuestProcess, suite: Suite, program: str, outcome: Outcome, seconds: float) -> bool:
        """Note what comes of the first tests, and return whether a failure among them is certain."""
        is_certain = True
        end = min(1, len(suite.tests))  # most programs that fail do so at once
        guest.send(operation("trial", compiled(program), suite.imports, seconds), suite.calls_frame(0, end), _SPENT)
        try:
            receive_reply(guest, {VALUE: ()})
        except LoadError as error:
            is_certain = _IN_DOUBT.isdisjoint(error.names)
            outcome.note(*verdict_of_load(error))
        start = 0
        while True:
            for index in range(start, end):
                kind, items = receive_reply(guest, CALL_SHAPES)
                if outcome.verdict is Verdict.PASSED:
                    is_certain = kind != RAISED or _IN_DOUBT.isdisjoint(items[0])
                    outcome.note(*judge_reply(kind, items, suite.call(index), suite.checks[index], suite.entry_point))
            _, (cpu_seconds,) = receive_reply(guest, {VALUE: (float,)})
            start, end = end, min(MAX_TESTS, len(suite.tests))
            if outcome.verdict is not Verdict.PASSED or start == end:
                break
            guest.send(suite.calls_frame(start, end), _SPENT)
        guest.send(_FORGET)
        outcome.cpu_seconds, outcome.longest_cpu_seconds = cpu_seconds, cpu_seconds + PROCESS_SECONDS
        return is_certain

    def _is_timeout(self, limits: Limits) -> bool:
        """Whether the guest, which is gone, was ended for the time that the program's own limit allows."""
        guest, self._guest = self._guest, None
        assert guest is not None
        try:
            ending = guest.hang_up()
        except InfraError:
            self.close()
            return False
        is_by_timer = os.WIFSIGNALED(ending.status) and os.WTERMSIG(ending.status) == signal.SIGPROF
        return limits.cpu_seconds <= TURN_SECONDS and ending.reason is Reason.EXITED and is_by_timer
