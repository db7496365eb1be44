"""A control group: the memory of all processes of a sandbox together, page cache, pipes and files in memory included.

Version 1 (the memory controller on its own) and version 2. It needs a folder in the hierarchy that this user may write
to, as root has. Source: the kernel's Documentation/admin-guide/cgroup-v{1/memory.rst,2.rst}.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

_PREFIX = "staged-reward-"
_OWN_MIB = 64  # of the fork server itself


class Cgroup:
    """One group. Made by a process outside it, which also removes it; `join` moves another in.

    Args:
        folder: Of the hierarchy, where a group may be made.
        name: Of the group.

    Raises:
        OSError: Not allowed, or without the memory controller.
    """

    def __init__(self, folder: str, name: str) -> None:
        self.path = f"{folder}/{name}"
        os.mkdir(self.path)
        try:
            is_v2 = os.path.exists(f"{self.path}/cgroup.controllers")
            self._limit = self._open("memory.max" if is_v2 else "memory.limit_in_bytes", os.O_WRONLY)
            self._events = self._open("memory.events" if is_v2 else "memory.oom_control", os.O_RDONLY)
            self._processes = self._open("cgroup.procs", os.O_WRONLY)
        except OSError:
            os.rmdir(self.path)
            raise
        self._mib = 0

    def _open(self, name: str, flags: int) -> int:
        return os.open(f"{self.path}/{name}", flags | os.O_CLOEXEC)

    def join(self) -> None:
        """Move this process into the group."""
        os.write(self._processes, b"0")

    def limit(self, memory_mib: int) -> None:
        """Allow this much memory to all processes in the group, besides the fork server's own."""
        if memory_mib != self._mib:
            os.pwrite(self._limit, str((memory_mib + _OWN_MIB) << 20).encode(), 0)
            self._mib = memory_mib

    def num_killed(self) -> int:
        """Return how many processes the kernel has killed for want of memory."""
        for line in os.pread(self._events, 4096, 0).splitlines():
            name, _, value = line.partition(b" ")
            if name == b"oom_kill":
                return int(value)
        return 0

    def remove(self) -> None:
        """Remove the group; it must be empty."""
        with contextlib.suppress(FileNotFoundError):
            os.rmdir(self.path)


def make(pid: int) -> Cgroup:
    """Make a group, named after a process, in the first place that allows it, and remove those of ended processes.

    Raises:
        OSError: No place does.
    """
    refusal = OSError("no control group with a memory controller is mounted")
    for folder in _folders():
        _sweep(folder)
        try:
            return Cgroup(folder, f"{_PREFIX}{pid}")
        except OSError as error:
            refusal = error
    raise refusal


def _folders() -> Iterator[str]:
    """Yield where groups may be: below this process' own, then beside it."""
    with open("/proc/self/cgroup", encoding="ascii") as file:
        lines = [line.rstrip("\n").split(":", 2) for line in file]
    for kind, root in _hierarchies():
        for _, controllers, path in lines:
            is_this = "memory" in controllers.split(",") if kind == "cgroup" else controllers == ""
            if is_this and os.path.isdir(f"{root}{path}"):
                yield f"{root}{path}".rstrip("/")
                yield os.path.dirname(f"{root}{path}".rstrip("/"))
            elif is_this:  # in a container the path is that of the outside
                yield root


def _hierarchies() -> Iterator[tuple[str, str]]:
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        for line in file:
            before, _, after = line.partition(" - ")
            kind, _, options = after.split(" ", 2)
            if kind == "cgroup2" or (kind == "cgroup" and "memory" in options.rstrip().split(",")):
                yield kind, before.split()[4]


def _sweep(folder: str) -> None:
    """Remove groups of processes that are gone: a keeper that is killed leaves its own."""
    for name in os.listdir(folder) if os.path.isdir(folder) else []:
        pid = name.removeprefix(_PREFIX)
        if pid != name and pid.isdigit() and not os.path.exists(f"/proc/{pid}"):
            with contextlib.suppress(OSError):
                os.rmdir(f"{folder}/{name}")
