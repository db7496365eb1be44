"""Waits for one child process and ends it, and all that it started, at its limits. Runs in the fork server, and in the
process that forks one child per `stdio` test.

CPU time decides, read from the processes' own clocks: a busy machine changes nothing. Wall time is a backstop for
children that wait, and leaves out the time a child spent waiting for a core.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import NamedTuple

from staged_reward.isolation import kernel
from staged_reward.isolation.cell import Cell
from staged_reward.isolation.layers import Layer
from staged_reward.processes import children_of, cpu_seconds, own_cpu_seconds

POLL_SECONDS = 0.25  # upper bound between two looks at the child
CLOSE_POLL_SECONDS = 0.05  # where looking is all that bounds the memory, or the number, of processes
CHILDREN_SECONDS = 1.0  # of wall time beyond its CPU limit, for a program with children


class Reason(IntEnum):
    """Why a child ended."""

    EXITED = 0
    CPU = 1
    WALL = 2
    OUTPUT = 3
    STOPPED = 4
    UNBORN = 5
    MEMORY = 6
    PROCESSES = 7


class Ending(NamedTuple):
    """How a child ended. `status` is as from `os.wait4`, `seconds` wall time; CPU time includes reaped descendants."""

    reason: Reason
    status: int
    cpu_seconds: float
    seconds: float


class Bounds(NamedTuple):
    """What a child and its descendants may use together.

    Attributes:
        cpu_seconds: CPU time.
        wall_seconds: Backstop.
        memory_mib: Looked at now and then; None where the kernel bounds it.
        num_processes: The same.
        can_kill_all: This process may signal no others than its descendants, so one call ends them all, in one step.
        killer_uid: The user of the child and its descendants, and of no other process; None where there is none.
        is_supervisor: The child supervises others itself: the CPU time is its own alone.
    """

    cpu_seconds: float
    wall_seconds: float
    memory_mib: int | None
    num_processes: int | None
    can_kill_all: bool
    killer_uid: int | None = None
    is_supervisor: bool = False


def bounds_of(
    cell: Cell,
    cpu_seconds: float,
    wall_seconds: float,
    memory_mib: int,
    num_processes: int,
    *,
    can_kill_all: bool,
    is_supervisor: bool = False,
) -> Bounds:
    """Return the bounds of a process in a cell. What the kernel bounds there need not be looked at."""
    return Bounds(
        cpu_seconds,
        wall_seconds,
        None if Layer.CGROUP in cell.layers else memory_mib,
        None if cell.layers & {Layer.UID, Layer.USER} else num_processes,
        can_kill_all,
        cell.killer_uid,
        is_supervisor,
    )


def supervise(
    pid: int, bounds: Bounds, *, watch_fd: int = -1, on_ready: Callable[[], Reason | None] | None = None
) -> Ending:
    """Wait for `pid` to end, kill it at a limit, reap it and every stray descendant.

    Args:
        pid: The only child of this process, which adopts orphans.
        bounds: The limits.
        watch_fd: Also polled; -1 for none.
        on_ready: Called when `watch_fd` is readable; a reason to kill the child, or None.
    """
    started, watch = time.monotonic(), None
    pidfd = os.pidfd_open(pid)
    poller = select.poll()
    poller.register(pidfd, select.POLLIN)
    if watch_fd >= 0:
        poller.register(watch_fd, select.POLLIN | select.POLLHUP)
    reason = None
    wait = min(bounds.cpu_seconds, bounds.wall_seconds, _interval_seconds(bounds))
    try:
        while reason is None:
            ready = [fd for fd, _ in poller.poll(wait * 1000 + 1)]
            if on_ready is not None and watch_fd in ready:
                reason = on_ready()
            if reason is None and pidfd in ready:
                reason = Reason.EXITED
            elif reason is None:
                watch = watch or _Watch(pid, bounds, started)  # most children end before the first look
                reason, wait = watch.look()
    finally:
        os.close(pidfd)
    if reason is not Reason.EXITED:
        os.kill(pid, signal.SIGKILL)
    _, status, usage = os.wait4(pid, 0)
    cpu_seconds = (
        usage.ru_utime + usage.ru_stime + kill_strays(can_kill_all=bounds.can_kill_all, killer_uid=bounds.killer_uid)
    )
    return Ending(reason, status, cpu_seconds, time.monotonic() - started)


class _Watch:
    """Looks at a child now and then.

    Args:
        pid: The child.
        bounds: The limits.
        started: When it began, on the monotonic clock.
    """

    def __init__(self, pid: int, bounds: Bounds, started: float) -> None:
        self._pid = pid
        self._bounds = bounds
        self._started = started
        self._has_had_children = False

    def look(self) -> tuple[Reason | None, float]:
        """Return a reason to end the child, or None, and the seconds until the next look."""
        bounds, family = self._bounds, list(_family(self._pid))
        self._has_had_children |= len(family) > 1
        cpu_left = bounds.cpu_seconds - (
            own_cpu_seconds(self._pid) if bounds.is_supervisor else sum(map(cpu_seconds, family))
        )
        if cpu_left <= 0:
            return Reason.CPU, 0.0
        wall_left = self._wall_seconds() - (time.monotonic() - self._started)
        if wall_left <= 0:
            wall_left += self._credit_seconds()
        if wall_left <= 0:
            return Reason.WALL, 0.0
        if bounds.num_processes is not None and len(family) > bounds.num_processes:
            return Reason.PROCESSES, 0.0
        if bounds.memory_mib is not None and sum(map(_memory_mib, family)) > bounds.memory_mib:
            return Reason.MEMORY, 0.0
        return None, max(0.001, min(cpu_left, wall_left, _interval_seconds(bounds)))

    def _wall_seconds(self) -> float:
        """Return the wall limit: with children, whose CPU time can be hidden, little more than the CPU limit."""
        if self._has_had_children and not self._bounds.is_supervisor:
            return min(self._bounds.wall_seconds, self._bounds.cpu_seconds + CHILDREN_SECONDS)
        return self._bounds.wall_seconds

    def _credit_seconds(self) -> float:
        """Return the time that the child waited for a core: not its fault, unless its own children held that core."""
        if self._has_had_children and not self._bounds.is_supervisor:
            return 0.0
        return _seconds_waiting_for_core(self._pid)


def _interval_seconds(bounds: Bounds) -> float:
    return POLL_SECONDS if bounds.memory_mib is bounds.num_processes is None else CLOSE_POLL_SECONDS


def _family(pid: int) -> Iterator[int]:
    """Yield the child and its descendants: orphans have become children of this process."""
    yield pid
    pending = [pid]
    seen = {pid}
    for child in children_of(os.getpid()):
        if child not in seen:
            seen.add(child)
            pending.append(child)
            yield child
    while pending:
        for child in children_of(pending.pop()):
            if child not in seen:
                seen.add(child)
                pending.append(child)
                yield child


def _memory_mib(pid: int) -> float:
    """Return what a process holds in memory that is not read from files, in MiB."""
    kib = 0
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
        kib = sum(int(line.split()[1]) for line in file if line.startswith(("RssAnon:", "RssShmem:")))
    return kib / 1024


def _seconds_waiting_for_core(pid: int) -> float:
    try:
        with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
            return int(file.read().split()[1]) / 1e9
    except OSError:
        return 0.0


def kill_strays(*, can_kill_all: bool, killer_uid: int | None = None) -> float:
    """Kill and reap all children of this process, which adopts orphans. Return the CPU seconds they took.

    One `kill` of all processes leaves nobody who could fork meanwhile: in a PID namespace, or by a process that becomes
    the user of none but them. Otherwise those found are killed until none is.
    """
    cpu_seconds = 0.0
    while kernel.has_children():
        pid, _, usage = os.wait4(-1, os.WNOHANG)
        if pid:
            cpu_seconds += usage.ru_utime + usage.ru_stime
            continue
        if can_kill_all:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)
        elif killer_uid:
            _kill_all_of(killer_uid)
        else:
            for child in children_of(os.getpid()):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
        os.sched_yield()
    return cpu_seconds


def _kill_all_of(uid: int) -> None:
    """Kill every process of a user, by a child that becomes that user."""
    pid = kernel.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):  # here nothing may go on as this process
            os.setresuid(uid, uid, uid)
            if os.getuid() == uid != 0:
                os.kill(-1, signal.SIGKILL)
        os._exit(0)
    os.waitpid(pid, 0)
