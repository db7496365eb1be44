"""Runs a command as an ordinary user, from root: `python tests/unprivileged.py COMMAND…`.

Folders on the way to the interpreter and to this checkout that only root may enter are replaced, in a mount namespace of
this process' own, by ones that everybody may enter and that lead to those two.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

from staged_reward.isolation import kernel, namespaces
from staged_reward.isolation.layers import Layer

UID = 65534
_BIND, _REC, _PRIVATE = 0x1000, 0x4000, 0x40000
CHECKOUT = Path(__file__).resolve().parents[1]


def closed_folders(path: Path) -> list[Path]:
    """Return the folders on the way to a path that others than their owner may not enter, the topmost first."""
    return [folder for folder in reversed(path.parents) if not os.stat(folder).st_mode & 0o001]


def open_way(path: Path) -> None:
    """Make a path reachable for everybody, in this mount namespace."""
    closed = closed_folders(path)
    if not closed:
        return
    fd = os.open(path, os.O_PATH)
    _mount("tmpfs", closed[0], "tmpfs", 0, "mode=755")
    path.mkdir(parents=True)
    _mount(f"/proc/self/fd/{fd}", path, None, _BIND | _REC, None)
    os.close(fd)


def _mount(source: str, target: Path, kind: str | None, flags: int, options: str | None) -> None:
    texts = [None if text is None else text.encode() for text in (source, str(target), kind)]
    kernel.call("mount", *texts, ctypes.c_ulong(flags), None if options is None else options.encode())


def main(command: list[str]) -> None:
    """Replace this process by the command."""
    namespaces.enter(frozenset({Layer.MOUNT}))
    _mount("none", Path("/"), None, _REC | _PRIVATE, None)
    wanted = {Path(sys.base_prefix), Path(sys.prefix).resolve(), CHECKOUT}
    for path in sorted(wanted):
        if not wanted.intersection(path.parents):  # what lies in another comes with it
            open_way(path)
    os.setgroups([])
    os.setresgid(UID, UID, UID)
    os.setresuid(UID, UID, UID)
    os.environ["HOME"] = "/nonexistent"
    os.execv(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
