"""Landlock: what a process may do with files, whom it may signal and trace, whether it may use TCP. No privilege needed.

A domain cannot be left, and holds for all descendants. Not covered: `stat`, modes and owners of files, UDP, sockets in
the file system. Source: the kernel's include/uapi/linux/landlock.h.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable
from enum import IntFlag

from staged_reward.isolation import kernel
from staged_reward.isolation.kernel import Call, ready

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_ASK_VERSION, _PATH_BENEATH = 1, 1


class Access(IntFlag):
    """What may be done beneath a path."""

    EXECUTE = 1 << 0
    WRITE_FILE = 1 << 1
    READ_FILE = 1 << 2
    READ_DIR = 1 << 3
    REMOVE_DIR = 1 << 4
    REMOVE_FILE = 1 << 5
    MAKE_CHAR = 1 << 6
    MAKE_DIR = 1 << 7
    MAKE_REG = 1 << 8
    MAKE_SOCK = 1 << 9
    MAKE_FIFO = 1 << 10
    MAKE_BLOCK = 1 << 11
    MAKE_SYM = 1 << 12
    REFER = 1 << 13
    TRUNCATE = 1 << 14
    IOCTL_DEV = 1 << 15


READ = Access.EXECUTE | Access.READ_FILE | Access.READ_DIR
LIST = Access.READ_DIR
USE_DEVICE = Access.READ_FILE | Access.WRITE_FILE | Access.TRUNCATE | Access.IOCTL_DEV
WRITE = ~(Access.MAKE_CHAR | Access.MAKE_BLOCK | Access.IOCTL_DEV)
_ON_FILES = Access.EXECUTE | Access.WRITE_FILE | Access.READ_FILE | Access.TRUNCATE | Access.IOCTL_DEV
_NEW_IN = {2: Access.REFER, 3: Access.TRUNCATE, 5: Access.IOCTL_DEV}
_BIND_TCP_AND_CONNECT_TCP = 0b11  # version 4
_SCOPE_ABSTRACT_SOCKETS_AND_SIGNALS = 0b11  # version 6

VERSION_WITH_SCOPES = 6


def version() -> int:
    """Return the version of Landlock that this kernel has; 0 for none."""
    try:
        return kernel.syscall(_CREATE_RULESET, None, 0, _ASK_VERSION)
    except OSError:
        return 0


def _known(abi: int) -> Access:
    return ~Access(0) & ~sum((access for since, access in _NEW_IN.items() if since > abi), Access(0))


def rules(grants: Iterable[tuple[str, Access]]) -> int:
    """Return the descriptor of a ruleset for `enforce`: nothing but these grants, no TCP, signals within only.

    Args:
        grants: Paths with what may be done beneath them. A path that does not exist is left out.

    Raises:
        OSError: The kernel has no Landlock.
    """
    abi = version()
    known = _known(abi)
    attributes = struct.pack("=QQQ", known, _BIND_TCP_AND_CONNECT_TCP, _SCOPE_ABSTRACT_SOCKETS_AND_SIGNALS)
    size = 24 if abi >= VERSION_WITH_SCOPES else 16 if abi >= 4 else 8
    ruleset = kernel.syscall(_CREATE_RULESET, ctypes.create_string_buffer(attributes, 24), size, 0)
    for path, access in grants:
        try:
            fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except (FileNotFoundError, PermissionError, NotADirectoryError):
            continue
        allowed = access & known
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            allowed &= _ON_FILES
        rule = ctypes.create_string_buffer(struct.pack("=Qi", allowed, fd), 12)
        kernel.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0)
        os.close(fd)
    return ruleset


def enforce(ruleset: int) -> Call:
    """Return the call that puts a process, and its descendants, under a ruleset, besides those that it is under. Needs
    `no_new_privileges`.
    """
    return ready(_RESTRICT_SELF, ruleset, 0)
