"""How much memory this process and those below it took at most, and files in memory with them, while a block ran."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

from staged_reward.attack.census import all_processes, descendants

SAMPLE_SECONDS = 0.05
INHERITED_MIB = 10  # of a process that are its parent's, and counted again in every fork; so they are left out
_PAGE = os.sysconf("SC_PAGE_SIZE")


class MemoryPeak:
    """A context manager that samples from a thread.

    Attributes:
        mib: The largest growth seen: private memory of all of them together, plus files in memory (which count for
            the whole machine).
    """

    def __init__(self) -> None:
        self.mib = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._first = _in_use_mib()
        self._own = 0.0

    def _sample(self) -> None:
        while not self._stop.wait(SAMPLE_SECONDS):
            self.mib = max(self.mib, _in_use_mib() - self._first)

    def __enter__(self) -> Self:
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak counts from here
        self._own = _own_peak_mib()
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()
        # the thread sees nothing while one call into C, a compilation say, keeps it from running
        self.mib = max(self.mib, _own_peak_mib() - self._own)


def _in_use_mib() -> float:
    pids = [os.getpid(), *descendants(list(all_processes()), os.getpid())]
    return (sum(map(_private_bytes, pids)) + _shared_bytes()) / 2**20


def _private_bytes(pid: int) -> int:
    with suppress(OSError, ValueError):  # it ended meanwhile
        _, resident, shared, *_ = map(int, Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split())
        return max(0, (resident - shared) * _PAGE - (INHERITED_MIB << 20))
    return 0


def _shared_bytes() -> int:
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("Shmem:"):
            return int(line.split()[1]) * 1024
    return 0


def _own_peak_mib() -> float:
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0
