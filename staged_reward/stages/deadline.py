"""A limit on the CPU time of pure Python code in this thread, for library code that has no limit of its own (pylint).

Works in any thread and touches no signal: a watchdog thread looks at the worker thread's CPU clock and raises
`OverBudget` inside it. The watchdog ends when it has been idle for a moment. CPU time, so that a busy machine changes
nothing.

Not covered: a single call into C that does not return; nothing in the process can interrupt that.
"""

from __future__ import annotations

import contextlib
import ctypes
import threading
import time
from collections.abc import Iterator
from typing import NamedTuple

_TICK_SECONDS = 0.5
_IDLE_TICKS = 4


class OverBudget(BaseException):
    """The CPU limit was reached. Not an `Exception`, so that the code it interrupts does not take it for its own."""


class _Job(NamedTuple):
    thread: int
    clock: int
    end_seconds: float


class CpuDeadline:
    """Raises `OverBudget` in the calling thread when a block takes more than `cpu_seconds`, to within half a second."""

    def __init__(self, cpu_seconds: float) -> None:
        self._cpu_seconds = cpu_seconds
        self._lock = threading.Lock()
        self._job: _Job | None = None
        self._watchdog: threading.Thread | None = None

    @contextlib.contextmanager
    def limit(self) -> Iterator[None]:
        """Limit the block. One block at a time per object."""
        thread = threading.get_ident()
        job = _Job(thread, time.pthread_getcpuclockid(thread), time.thread_time() + self._cpu_seconds)
        with self._lock:
            self._job = job
            if self._watchdog is None or not self._watchdog.is_alive():
                self._watchdog = threading.Thread(target=self._watch, name="cpu-deadline", daemon=True)
                self._watchdog.start()
        try:
            yield
        finally:
            with self._lock:
                self._job = None

    def _watch(self) -> None:
        idle = 0
        while True:
            time.sleep(_TICK_SECONDS)
            with self._lock:
                job = self._job
                idle = idle + 1 if job is None else 0
                if idle > _IDLE_TICKS:
                    self._watchdog = None
                    return
                if job is not None and time.clock_gettime(job.clock) > job.end_seconds:
                    self._job = None  # fires once, whatever the worker does with it
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(job.thread), ctypes.py_object(OverBudget))
