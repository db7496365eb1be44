"""Waits for one child process and ends it at its limits. Runs in the fork server, and in the process that forks one
child per `stdio` test.

CPU time decides, read from the child's own clock: a busy machine changes nothing. Wall time is a backstop for children
that wait, and leaves out the time a child spent waiting for a core.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple

POLL_SECONDS = 0.25  # upper bound between two looks at the child's clock


class Reason(IntEnum):
    """Why a child ended."""

    EXITED = 0
    CPU = 1
    WALL = 2
    OUTPUT = 3
    STOPPED = 4
    UNBORN = 5


class Ending(NamedTuple):
    """How a child ended. `status` is as from `os.wait4`, `seconds` wall time; CPU time includes reaped descendants."""

    reason: Reason
    status: int
    cpu_seconds: float
    seconds: float


def cpu_clock_seconds(pid: int) -> float:
    """Return the CPU time of a live process, all its threads, in seconds."""
    return time.clock_gettime((~pid << 3) | 2)  # the kernel's encoding of a process' CPU clock


def _seconds_waiting_for_core(pid: int) -> float:
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
        return int(file.read().split()[1]) / 1e9


def supervise(
    pid: int,
    *,
    cpu_seconds: float,
    wall_seconds: float,
    watch_fd: int = -1,
    on_ready: Callable[[], Reason | None] | None = None,
) -> Ending:
    """Wait for `pid` to end, kill it at a limit, reap it and every stray descendant.

    Args:
        pid: A child of this process.
        cpu_seconds: CPU limit.
        wall_seconds: Backstop.
        watch_fd: Also polled; -1 for none.
        on_ready: Called when `watch_fd` is readable; a reason to kill the child, or None.
    """
    started = time.monotonic()
    pidfd = os.pidfd_open(pid)
    poller = select.poll()
    poller.register(pidfd, select.POLLIN)
    if watch_fd >= 0:
        poller.register(watch_fd, select.POLLIN | select.POLLHUP)
    reason = None
    wait = min(cpu_seconds, wall_seconds, POLL_SECONDS)
    try:
        while reason is None:
            ready = [fd for fd, _ in poller.poll(wait * 1000 + 1)]
            if on_ready is not None and watch_fd in ready:
                reason = on_ready()
            if reason is None and pidfd in ready:
                reason = Reason.EXITED
            elif reason is None:
                reason, wait = _look(pid, started, cpu_seconds, wall_seconds)
    finally:
        os.close(pidfd)
    if reason is not Reason.EXITED:
        os.kill(pid, signal.SIGKILL)
    _, status, usage = os.wait4(pid, 0)
    kill_strays()
    return Ending(reason, status, usage.ru_utime + usage.ru_stime, time.monotonic() - started)


def _look(pid: int, started: float, cpu_seconds: float, wall_seconds: float) -> tuple[Reason | None, float]:
    cpu_left = cpu_seconds - cpu_clock_seconds(pid)
    if cpu_left <= 0:
        return Reason.CPU, 0.0
    wall_left = wall_seconds - (time.monotonic() - started)
    if wall_left <= 0:
        wall_left += _seconds_waiting_for_core(pid)
        if wall_left <= 0:
            return Reason.WALL, 0.0
    return None, max(0.001, min(cpu_left, wall_left, POLL_SECONDS))


def kill_strays() -> None:
    """Kill and reap all children of this process: as a subreaper it inherits what its children leave behind."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid:
            continue
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
            for child in file.read().split():
                os.kill(int(child), signal.SIGKILL)
        time.sleep(0.0005)
