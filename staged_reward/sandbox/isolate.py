"""What keeps a program's process apart: limits, sessions, namespaces. A function per mechanism, for the untrusted side.

Covered: CPU, memory, file size and core limits; no network where namespaces are allowed; no standing file descriptors;
a scratch folder; nothing survives the fork server. Not covered: reading and writing files that the user may read and
write, signals to processes of the same user.
"""

from __future__ import annotations

import ctypes
import os
import resource
from collections.abc import Iterator

KernelLimits = list[tuple[int, tuple[int, int]]]

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 36, 38
_MIB = 1 << 20
_MAIN_STACK_MIB = 64

_libc = ctypes.CDLL(None, use_errno=True)


# Holds the interpreter's lock across the call and runs none of its fork hooks: those re-make the locks of threads that
# these single-threaded processes do not have, and cost more than the fork itself.
_fork = ctypes.PyDLL(None, use_errno=True).fork


def fork() -> int:
    """Fork this single-threaded process, without the interpreter's fork hooks. Return as `os.fork` does."""
    pid = int(_fork())
    if pid < 0:
        raise OSError(ctypes.get_errno(), "fork failed")
    return pid


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}, {value})")


def adopt_orphans() -> None:
    """Make this process the parent of every descendant whose own parent ends."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def no_new_privileges() -> None:
    """Make set-uid programs run without their privileges, for this process and its descendants."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def leave_network() -> bool:
    """Move this process to a network of its own, without interfaces. Return whether the machine allows it."""
    if _libc.unshare(_CLONE_NEWNET) == 0:
        return True
    uid, gid = os.getuid(), os.getgid()
    if _libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
        return False
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)
    return True


def kernel_limits(cpu_seconds: float, memory_mib: int, file_mib: int, num_processes: int) -> KernelLimits:
    """Return the kernel's own limits for a guest. The CPU limit is a backstop behind `supervise`, which is finer."""
    memory = memory_mib * _MIB
    wanted = {
        resource.RLIMIT_CPU: int(cpu_seconds) + 2,
        resource.RLIMIT_DATA: memory,
        resource.RLIMIT_AS: memory + (4096 + _MAIN_STACK_MIB) * _MIB,
        resource.RLIMIT_STACK: _MAIN_STACK_MIB * _MIB,
        resource.RLIMIT_FSIZE: file_mib * _MIB,
        resource.RLIMIT_CORE: 0,
    }
    if os.getuid() != 0:  # counted per user, and root is exempt
        wanted[resource.RLIMIT_NPROC] = _num_processes_of_user() + num_processes
    return [(name, (value, value)) for name, value in _within_hard_limits(wanted)]


def _within_hard_limits(wanted: dict[int, int]) -> Iterator[tuple[int, int]]:
    for name, value in wanted.items():
        _, hard = resource.getrlimit(name)
        yield name, value if hard == resource.RLIM_INFINITY else min(value, hard)


def apply_limits(limits: KernelLimits) -> None:
    """Set limits on this process, soft and hard."""
    for name, values in limits:
        resource.setrlimit(name, values)


def _num_processes_of_user() -> int:
    return sum(1 for name in os.listdir("/proc") if name.isdigit() and _owned(name))


def _owned(pid: str) -> bool:
    try:
        return os.stat(f"/proc/{pid}").st_uid == os.getuid()
    except FileNotFoundError:
        return False
