"""One process in which self-contained programs take turns, in order to fail. Trusted side.

To fork, confine and end a process costs several times what a short program and its first tests do. A program that can do
nothing but compute (see `self_contained`) leaves nothing behind, and so the next one can have the same process. What fails
there has failed. What passes a few tests there has shown nothing: it runs from its beginning in a process of its own, as
does whatever is in doubt: a process that ended, memory or stack that ran out. So no program passes by what another one did.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from staged_reward.alarm import AlarmError, cpu_alarm
from staged_reward.checks import EQUAL
from staged_reward.errors import InfraError
from staged_reward.limits import Limits
from staged_reward.problem import Verdict
from staged_reward.sandbox.codec import MalformedError, TooLargeError
from staged_reward.sandbox.compiled import compiled
from staged_reward.sandbox.endless import EndlessLoopError
from staged_reward.sandbox.guest import RAISED, VALUE
from staged_reward.sandbox.host import ForkServer, GuestProcess, operation, packages_to_preload
from staged_reward.sandbox.judge import CALL_SHAPES, judge_reply
from staged_reward.sandbox.outcome import WORDS, Outcome, verdict_of_load
from staged_reward.sandbox.reply import GuestGoneError, LoadError, Reply, receive_reply, receive_whole_reply
from staged_reward.sandbox.suite import Suite
from staged_reward.sandbox.supervise import Reason
from staged_reward.sandbox.wire import FrameTooLargeError
from staged_reward.self_contained import MODULES

MIN_PROGRAMS = 8  # that could have had a turn, before their sandbox is started: that takes a quarter of a second
MAX_PROGRAMS = 256  # of one process
MAX_TESTS = 16  # of one program: it would not be worth it to run them all twice
TURN_SECONDS = 0.03  # of CPU time
MAX_FAULTS = 3  # of the sandbox; then no program takes turns any more, since every new start may fail as slowly
PROCESS_SECONDS = 0.003  # what a process of its own takes beside the program, for budgets made from both kinds
PROCESS_CPU_SECONDS, PROCESS_WALL_SECONDS = 60.0, 10.0  # of all turns together; waiting for a program is wall time

ENDLESS = EndlessLoopError.__name__
_IN_DOUBT = frozenset({"MemoryError", "RecursionError"})
_DOUBT = Verdict.CRASHED, "in doubt"  # ends the turn, and is told to nobody
_PACKAGES = packages_to_preload("\n".join(f"import {name}" for name in MODULES))
_SHARE, _SPENT, _FORGET = operation("share", list(MODULES)), operation("spent"), operation("forget")


def _judge_endless(names: Sequence[str], message: str) -> tuple[Verdict, str] | None:
    """Return the verdict of what was raised in a program that never ends; None where it was something else."""
    return (Verdict.TIMEOUT, f"it never ends: {message}") if names[0] == ENDLESS else None


def _is_certain(reply: Reply, check: str) -> bool:
    """Whether a reply can be judged here and now: it is no want of memory or stack, and no check takes long on it."""
    if reply.kind == RAISED:
        return _IN_DOUBT.isdisjoint(reply.items[0])
    return check == EQUAL or (reply.kind == VALUE and reply.is_light())


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
        self._num_programs = self._num_faults = self._num_asked = 0

    def find_failure(self, suite: Suite, program: str, limits: Limits, *, may_wait: bool) -> Outcome | None:
        """Run a self-contained program against the first tests of a suite that has some for turns.

        Args:
            suite: The tests.
            program: Source.
            limits: Of a process of its own.
            may_wait: A time-out is not the last word: the program will run again, under a longer limit.

        Returns:
            What a process of its own would have given, where the program fails; None where only that can tell.
        """
        self._num_asked += 1
        if self._num_asked <= MIN_PROGRAMS or self._num_faults >= MAX_FAULTS:
            return None
        outcome = Outcome()
        watched = program.removeprefix("\ufeff") if "while" in program else ""
        try:
            with cpu_alarm(limits.wall_seconds):
                is_certain = self._take_turn(limits, suite, program, watched, outcome)
        except GuestGoneError:
            is_timeout = self._is_timeout(limits, may_wait=may_wait, is_watched=bool(watched))
            is_certain = is_timeout and outcome.verdict is Verdict.PASSED
            if is_certain:
                outcome.note(Verdict.TIMEOUT, WORDS[Reason.CPU])
                outcome.add_cost(limits.cpu_seconds)
        except (AlarmError, FrameTooLargeError, TooLargeError, MalformedError, LoadError):
            is_certain = False
        except InfraError:
            self._num_faults += 1
            self.close()
            return None
        except BaseException:  # in the middle of a turn
            self.rest()
            raise
        self._num_faults = 0
        if not is_certain:
            self.rest()
        return outcome if is_certain and outcome.verdict is not Verdict.PASSED else None

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

    def _begin(self, limits: Limits, *turn: bytes) -> GuestProcess:
        """Send a turn to a guest that is new, or has forgotten the program before.

        Raises:
            InfraError: There is none.
        """
        limits = replace(limits, cpu_seconds=PROCESS_CPU_SECONDS, wall_seconds=PROCESS_WALL_SECONDS)
        if self._num_programs >= MAX_PROGRAMS or limits != self._limits:
            self.rest()
        while True:
            is_new = self._guest is None
            if self._guest is None:
                self._server = self._server or self._start_server()
                self._guest = self._server.start(limits, packages=_PACKAGES)
                self._limits, self._num_programs = limits, 0
            self._num_programs += 1
            self._guest.send(_SHARE if is_new else _FORGET, *turn)
            try:
                receive_reply(self._guest, {VALUE: ()})
                return self._guest
            except GuestGoneError:
                self.rest()  # it had something left of the program before
                if is_new:
                    raise InfraError("a process for programs to share ended while it got ready") from None

    def _take_turn(self, limits: Limits, suite: Suite, program: str, watched: str, outcome: Outcome) -> bool:
        """Note what comes of the first tests, and return whether a failure among them is certain."""
        is_certain = True
        end = 1  # most programs that fail do so at once
        trial = operation("trial", compiled(program), suite.imports, min(TURN_SECONDS, limits.cpu_seconds), watched)
        guest = self._begin(limits, trial, suite.calls_frame(0, end), _SPENT)
        try:
            receive_reply(guest, {VALUE: ()})
        except LoadError as error:
            is_certain = _IN_DOUBT.isdisjoint(error.names)
            outcome.note(*(_judge_endless(error.names, error.message) or verdict_of_load(error)))
        start = 0
        while True:
            for index in range(start, end):
                reply = receive_whole_reply(guest, CALL_SHAPES)
                if outcome.verdict is Verdict.PASSED:
                    test, check = suite.call(index), suite.checks[index]
                    is_certain = _is_certain(reply, test.check or EQUAL)
                    judged = _judge_endless(*reply.items) if reply.kind == RAISED else None
                    if judged is None and is_certain:
                        judged = judge_reply(reply.kind, reply.items, test, check, suite.entry_point)
                    outcome.note(*(judged or _DOUBT))
            _, (cpu_seconds,) = receive_reply(guest, {VALUE: (float,)})
            start, end = end, min(MAX_TESTS, suite.num_in_turn)
            if outcome.verdict is not Verdict.PASSED or start == end:
                break
            guest.send(suite.calls_frame(start, end), _SPENT)
        outcome.is_endless = outcome.verdict is Verdict.TIMEOUT
        outcome.cpu_seconds, outcome.longest_cpu_seconds = cpu_seconds, cpu_seconds + PROCESS_SECONDS
        return is_certain

    def _is_timeout(self, limits: Limits, *, may_wait: bool, is_watched: bool) -> bool:
        """Whether the guest, which is gone, was ended for the time that the program's own limit allows.

        It is in doubt, where that would be the last word, unless the program was the first, and not watched: what is left of
        another one, or the watching, might have taken the time.
        """
        guest, self._guest = self._guest, None
        assert guest is not None
        try:
            ending = guest.hang_up()
        except InfraError:
            self.close()
            return False
        is_by_timer = os.WIFSIGNALED(ending.status) and os.WTERMSIG(ending.status) == signal.SIGPROF
        is_sure = may_wait or (self._num_programs == 1 and not is_watched)
        return is_sure and is_by_timer and limits.cpu_seconds <= TURN_SECONDS and ending.reason is Reason.EXITED
