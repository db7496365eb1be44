"""Time limits on our own work, in the main thread of a worker process. Never used in the user's process, nor on the
program's side: a program could catch it or switch it off.
"""

from __future__ import annotations

import signal
import types
from collections.abc import Iterator
from contextlib import contextmanager


class AlarmError(BaseException):
    """The time is up. Not an `Exception`: no handler on the way out may take it for its own."""


@contextmanager
def alarm(seconds: float) -> Iterator[None]:
    """Raise `AlarmError` in the block when it takes longer than `seconds` of wall time."""
    with _timer(signal.ITIMER_REAL, signal.SIGALRM, seconds):
        yield


@contextmanager
def cpu_alarm(seconds: float) -> Iterator[None]:
    """Raise `AlarmError` in the block when this process computes for longer than `seconds` in it; waiting is free."""
    with _timer(signal.ITIMER_PROF, signal.SIGPROF, seconds):
        yield


@contextmanager
def _timer(timer: int, number: int, seconds: float) -> Iterator[None]:
    def ring(number: int, frame: types.FrameType | None) -> None:
        raise AlarmError

    before = signal.signal(number, ring)
    signal.setitimer(timer, seconds)
    try:
        yield
    finally:
        signal.setitimer(timer, 0)
        signal.signal(number, before)
