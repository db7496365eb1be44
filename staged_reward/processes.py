"""Other processes, seen from outside: who descends from whom, and what CPU time they took. Linux: reads /proc."""

from __future__ import annotations

import contextlib
import os
import resource
import time

_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


def children_of(pid: int) -> list[int]:
    """Return the children of all threads of a process; none where it has ended, or where /proc does not say."""
    children: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with (
                contextlib.suppress(OSError),  # this thread has ended
                open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as file,
            ):
                children += map(int, file.read().split())
    return children


def own_cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process, all its threads."""
    try:
        return time.clock_gettime((~pid << 3) | 2)  # the kernel's encoding of a process' CPU clock
    except OSError:
        return 0.0


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process, all its threads, and of the children it has waited for.

    The children count in steps of the kernel's clock ticks, 10 ms as a rule.
    """
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return own_cpu_seconds(pid) + (int(fields[13]) + int(fields[14])) / _CLOCK_TICKS


def tree_cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process and all that it started, those included that have ended and been waited for.

    Sums over many calls are right, of a single short call some ticks may be missing. What /proc hides is not counted.
    """
    return cpu_seconds(pid) + sum(map(tree_cpu_seconds, children_of(pid)))


def ended_children_cpu_seconds() -> float:
    """Return the CPU seconds of this process' children that have ended, their own children included."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
