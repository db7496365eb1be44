"""Limits that the kernel holds per process. They are set soft and hard at once: a soft one could be raised again."""

from __future__ import annotations

import ctypes
import os
import resource
import struct
from collections.abc import Iterator

from staged_reward.isolation.kernel import Call, ready

MAX_OPEN_FILES = 512
_PRLIMIT64 = {"x86_64": 302, "aarch64": 261}
_MIB = 1 << 20
_MAIN_STACK_MIB = 64
# Address space without memory behind it: libraries, arenas of threads.
_MAX_RESERVED_MIB = 4096
# Processes and threads of the same user that may start between the count and the program.
_NUM_OTHERS_TO_COME = 512


def of_program(cpu_seconds: float, memory_mib: int, file_mib: int, num_processes: int) -> list[Call]:
    """Return the calls that limit a program's process.

    The CPU limit is a backstop behind `supervise`, which is finer and counts all processes. The kernel counts processes
    per user; see `num_tasks_of_user`.
    """
    wanted = {
        resource.RLIMIT_CPU: int(cpu_seconds) + 2,
        resource.RLIMIT_DATA: memory_mib * _MIB,
        resource.RLIMIT_AS: (memory_mib + _MAX_RESERVED_MIB + _MAIN_STACK_MIB) * _MIB,
        resource.RLIMIT_FSIZE: file_mib * _MIB,
        resource.RLIMIT_NOFILE: MAX_OPEN_FILES,
        resource.RLIMIT_CORE: 1,  # byte: 0 would still start a program that collects core dumps
        resource.RLIMIT_MEMLOCK: _MIB,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_NPROC: num_processes,
    }
    return [_set(name, value) for name, value in _within_hard_limits(wanted)]


def of_server() -> list[Call]:
    """Return the calls that limit the fork server, and so every program: the stack of the main thread."""
    return [_set(name, value) for name, value in _within_hard_limits({resource.RLIMIT_STACK: _MAIN_STACK_MIB * _MIB})]


def _set(name: int, value: int) -> Call:
    return ready(_PRLIMIT64, 0, name, ctypes.create_string_buffer(struct.pack("=QQ", value, value), 16), None)


def _within_hard_limits(wanted: dict[int, int]) -> Iterator[tuple[int, int]]:
    for name, value in wanted.items():
        _, hard = resource.getrlimit(name)
        yield name, value if hard == resource.RLIM_INFINITY else min(value, hard)


def num_tasks_of_user() -> int:
    """Return how many processes and threads the kernel may count for this user, with room for some to come."""
    return _NUM_OTHERS_TO_COME + sum(map(_num_tasks, filter(str.isdigit, os.listdir("/proc"))))


def _num_tasks(pid: str) -> int:
    try:
        folder = os.stat(f"/proc/{pid}/task")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return folder.st_nlink - 2 if folder.st_uid == os.getuid() else 0
