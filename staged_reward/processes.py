"""Other processes, seen from outside: who descends from whom, and what CPU time they took. Linux: reads /proc."""

from __future__ import annotations

import contextlib
import os
import resource
from pathlib import Path

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def children_of(pid: int) -> list[int]:
    """Return the children of all threads of a process; none where it has ended, or where /proc does not say."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError):  # this thread has ended
                found += map(int, Path(f"/proc/{pid}/task/{thread}/children").read_bytes().split())
    return found


def tree_cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process and all that it started, those included that have ended and been waited for.

    Each process counts in steps of the kernel's clock ticks, 10 ms as a rule, and rounded down: sums over many calls are
    right, a single short call may seem to have taken nothing. What /proc hides is not counted.
    """
    ticks = 0
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        ticks = sum(map(int, fields[11:15]))  # user and system time, its own and its ended children's
    return ticks / _TICKS_PER_SECOND + sum(map(tree_cpu_seconds, children_of(pid)))


def ended_children_cpu_seconds() -> float:
    """Return the CPU seconds of this process' children that have ended, their own children included."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
