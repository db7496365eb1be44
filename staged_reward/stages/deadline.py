"""Limits on pure Python code in this thread, for library code that has none of its own (pylint): CPU time and memory.

Works in any thread and touches no signal: a watchdog thread looks at the worker thread's CPU clock and raises
`OverBudget` inside it. The watchdog ends when it has been idle for a moment. CPU time, so that a busy machine changes
nothing. Memory is what the whole process has grown by since the watchdog's first look; other threads
count.

Not covered: a single call into C that does not return, and memory that is taken between two looks.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
import time
from collections.abc import Iterator
from typing import NamedTuple

_TICK_SECONDS = 0.2
_IDLE_TICKS = 10
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class OverBudget(BaseException):
    """A limit was reached. Not an `Exception`, so that the code it interrupts does not take it for its own."""


class _Job(NamedTuple):
    thread: int
    clock: int
    end_seconds: float


class Deadline:
    """Raises `OverBudget` in the calling thread when a block takes too much, within about `_TICK_SECONDS`.

    Args:
        cpu_seconds: CPU time of the thread.
        growth_mib: Resident memory of the process, beyond what it is at the first look at the block.
    """

    def __init__(self, cpu_seconds: float, growth_mib: int) -> None:
        self._cpu_seconds = cpu_seconds
        self._growth_bytes = growth_mib << 20
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
                self._watchdog = threading.Thread(target=self._watch, name="deadline", daemon=True)
                self._watchdog.start()
        try:
            yield
        finally:
            with self._lock:
                self._job = None

    def _watch(self) -> None:
        idle = 0
        seen: _Job | None = None
        limit_bytes = 0
        while True:
            time.sleep(_TICK_SECONDS)
            with self._lock:
                job = self._job
                idle = idle + 1 if job is None else 0
                if idle > _IDLE_TICKS:
                    self._watchdog = None
                    return
                if job is not seen:
                    seen, limit_bytes = job, _resident_bytes() + self._growth_bytes
                if job is not None and (_is_late(job) or _resident_bytes() > limit_bytes):
                    self._job = None  # fires once, whatever the worker does with it
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(job.thread), ctypes.py_object(OverBudget))


def _is_late(job: _Job) -> bool:
    return time.clock_gettime(job.clock) > job.end_seconds


def _resident_bytes() -> int:
    with open("/proc/self/statm", "rb") as statm:
        return int(statm.read().split()[1]) * _PAGE_BYTES
