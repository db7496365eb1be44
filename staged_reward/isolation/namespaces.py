"""Namespaces: a process sees only its own processes, network, IPC objects and host name."""

from __future__ import annotations

import ctypes
import os

from staged_reward.isolation import kernel
from staged_reward.isolation.layers import Layer

FLAGS = {
    Layer.MOUNT: 0x00020000,
    Layer.UTS: 0x04000000,
    Layer.IPC: 0x08000000,
    Layer.PID: 0x20000000,
    Layer.NETWORK: 0x40000000,
}
_CLONE_NEWUSER = 0x10000000


def enter(layers: frozenset[Layer]) -> bool:
    """Move this process to namespaces of its own; with `Layer.PID`, only its coming children.

    Without the privilege for that it makes a user namespace first, in which it is the same user and may do it.

    Returns:
        Whether it made a user namespace.

    Raises:
        OSError: This machine does not allow it.
    """
    flags = sum(flag for layer, flag in FLAGS.items() if layer in layers)
    if not flags:
        return False
    try:
        _unshare(flags)
    except PermissionError:
        if Layer.USER not in layers:
            raise
        uid, gid = os.getuid(), os.getgid()
        _unshare(_CLONE_NEWUSER | flags)
        for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                file.write(text)
        return True
    return False


def _unshare(flags: int) -> None:
    kernel.call("unshare", ctypes.c_int(flags))
