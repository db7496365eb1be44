"""User, groups and capabilities of a process."""

from __future__ import annotations

import ctypes
import struct

from staged_reward.isolation import kernel
from staged_reward.isolation.kernel import Call, ready

# Far above the users of any machine, and apart for every process that asks.
_FIRST_UID = 1_900_000_000
_SETGROUPS = {"x86_64": 116, "aarch64": 159}
_SETRESGID = {"x86_64": 119, "aarch64": 149}
_SETRESUID = {"x86_64": 117, "aarch64": 147}
_CAPSET = {"x86_64": 126, "aarch64": 91}
_VERSION_3 = 0x20080522
_NO_CAPABILITIES = ctypes.create_string_buffer(struct.pack("=6I", *[0] * 6), 24)
_OF_THIS_PROCESS = ctypes.create_string_buffer(struct.pack("=Ii", _VERSION_3, 0), 8)


def uid_for(pid: int) -> int:
    """Return a user id that no other process of this machine uses now; its group has the same number."""
    return _FIRST_UID + pid


def become(uid: int) -> list[Call]:
    """Return the calls by which a process becomes this user, in no other group, for good."""
    return [
        ready(_SETGROUPS, 0, None),
        ready(_SETRESGID, uid, uid, uid),
        ready(_SETRESUID, uid, uid, uid),
        kernel.set_dumpable(),  # a program may look at itself in /proc
    ]


def drop_capabilities() -> Call:
    """Return the call that gives up every capability. With `no_new_privileges`, executing a file brings none back."""
    return ready(_CAPSET, _OF_THIS_PROCESS, _NO_CAPABILITIES)
