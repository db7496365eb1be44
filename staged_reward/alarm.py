"""Time limits on our own work, in the main thread of a worker process. Never used in the user's process, nor on the
program's side: a program could catch it or switch it off.
"""

from __future__ import annotations

import signal
import types
from collections.abc import Iterator
from contextlib import contextmanager

AGAIN_SECONDS = 1.0  # the error may be lost: Python drops what is raised in a destructor, a callback or the like


class AlarmError(BaseException):
    """The time is up. Not an `Exception`: no handler on the way out may take it for its own."""


class Bell:
    """Says whether an alarm rang: code that the block runs may have caught the error.

    Attributes:
        rang: The time was up.
    """

    rang: bool = False


@contextmanager
def alarm(seconds: float, *, last_seconds: float = 0.0) -> Iterator[Bell]:
    """Raise `AlarmError` in the block when it takes longer than `seconds` of wall time.

    With `last_seconds`, the process ends by SIGALRM that long afterwards, should the block have caught the error.
    """
    with _timer(signal.ITIMER_REAL, signal.SIGALRM, seconds, last_seconds) as bell:
        yield bell


@contextmanager
def cpu_alarm(seconds: float) -> Iterator[Bell]:
    """Raise `AlarmError` in the block when this process computes for longer than `seconds` in it; waiting is free."""
    with _timer(signal.ITIMER_PROF, signal.SIGPROF, seconds) as bell:
        yield bell


@contextmanager
def _timer(timer: int, number: int, seconds: float, last_seconds: float = 0.0) -> Iterator[Bell]:
    bell = Bell()

    def ring(number: int, frame: types.FrameType | None) -> None:
        bell.rang = True
        if last_seconds:
            signal.signal(number, signal.SIG_DFL)
        signal.setitimer(timer, last_seconds or AGAIN_SECONDS)
        raise AlarmError

    before = signal.signal(number, ring)
    signal.setitimer(timer, seconds)
    try:
        yield bell
    finally:
        try:
            signal.setitimer(timer, 0)
        finally:  # should it ring on this very line
            signal.setitimer(timer, 0)
            signal.signal(number, before)
