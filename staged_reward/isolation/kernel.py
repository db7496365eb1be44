"""System calls that Python 3.11 does not wrap, through ctypes. For single-threaded processes."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from typing import Any

# They hold the interpreter's lock across the call: these processes have one thread, and releasing it touches pages that
# a fresh fork has to copy.
_libc = ctypes.PyDLL(None, use_errno=True)

MACHINE = os.uname().machine

_SETSID = {"x86_64": 112, "aarch64": 157}
_CHDIR = {"x86_64": 80, "aarch64": 49}
_PRCTL = {"x86_64": 157, "aarch64": 167}
_DUP3 = {"x86_64": 292, "aarch64": 24}
_CLOSE_RANGE = 436
_P_ALL = 0
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4
_PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 36, 38


def call(function: str, *args: Any) -> int:
    """Call a function of the C library that returns -1 and sets errno where it fails.

    Raises:
        OSError: It failed; also where this C library does not have it.
    """
    try:
        result = int(getattr(_libc, function)(*args))
    except AttributeError as error:
        raise OSError(f"this C library has no {function}") from error
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{function}: {os.strerror(number)}")
    return result


def syscall(number: int, *args: Any) -> int:
    """Make a system call by its number; integers go as they are, buffers as pointers.

    Raises:
        OSError: It failed.
    """
    return call("syscall", *ready(number, *args))


Call = tuple[Any, ...]
"""A system call made ready: its number and its arguments, as C values."""


def ready(number: int | dict[str, int], *args: Any) -> Call:
    """Make a system call ready for `perform`.

    Args:
        number: The same on every architecture, or by architecture.
        args: Integers go as they are, buffers as pointers; the tuple keeps them alive.
    """
    if isinstance(number, dict):
        number = number[MACHINE]
    return (ctypes.c_long(number), *(ctypes.c_long(arg) if isinstance(arg, int) else arg for arg in args))


def perform(calls: Iterable[Call]) -> None:
    """Make system calls in order.

    In a process fresh from a fork every page that is touched first is copied; so this touches one function, over and over.

    Raises:
        OSError: One failed; those after it were not made.
    """
    function = _libc.syscall
    for call in calls:
        if function(*call) == -1:
            number = ctypes.get_errno()
            raise OSError(number, f"system call {call[0].value}: {os.strerror(number)}")


def fork() -> int:
    """Fork this single-threaded process, without the interpreter's fork hooks. Return as `os.fork` does.

    Those hooks re-make the locks of threads that these processes do not have, and cost more than the fork itself.

    Raises:
        OSError: No process can be had.
    """
    return call("fork")


def has_children() -> bool:
    """Whether this process has any, ended ones that it has not waited for included.

    `os.wait4` says so by an exception, whose making touches dozens of pages, all to be copied after a fork.
    """
    return bool(_libc.waitid(_P_ALL, 0, None, os.WEXITED | os.WNOHANG | os.WNOWAIT) == 0)


def prctl(option: int, value: int) -> None:
    """Set one attribute of this process."""
    call("prctl", option, ctypes.c_ulong(value), 0, 0, 0)


def adopt_orphans(is_adopting: bool = True) -> None:
    """Make this process the parent of every descendant whose own parent ends, or no longer."""
    prctl(_PR_SET_CHILD_SUBREAPER, int(is_adopting))


def no_new_privileges() -> None:
    """Make set-uid programs run without their privileges, for this process and its descendants."""
    prctl(_PR_SET_NO_NEW_PRIVS, 1)


def die_with_parent(signal_number: int) -> Call:
    """Return the call that has this signal sent to this process when its parent ends. A change of user undoes it."""
    return ready(_PRCTL, _PR_SET_PDEATHSIG, signal_number, 0, 0, 0)


def set_dumpable() -> Call:
    """Return the call that lets processes of the same user look into this one; a change of user undoes it."""
    return ready(_PRCTL, _PR_SET_DUMPABLE, 1, 0, 0, 0)


def new_session() -> Call:
    """Return the call that makes this process the leader of a session of its own."""
    return ready(_SETSID)


def change_folder(path: str) -> Call:
    """Return the call that makes a folder the current one."""
    return ready(_CHDIR, ctypes.c_char_p(path.encode()))


def keep_only(fd: int, new_fd: int) -> list[Call]:
    """Return the calls that move a descriptor and close all from there on."""
    return [ready(_DUP3, fd, new_fd, 0), close_from(new_fd + 1)]


def close_from(fd: int) -> Call:
    """Return the call that closes every descriptor from this one on."""
    return ready(_CLOSE_RANGE, fd, 0x7FFFFFFF, 0)
