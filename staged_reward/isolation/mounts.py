"""A file system of its own, in a mount namespace: what a program may see, read-only, and nothing else.

Built once, from bind mounts, in memory. What is not in it cannot be named: no `stat`, no socket, no other process.
"""

from __future__ import annotations

import ctypes
import os
import struct

from staged_reward.isolation import kernel
from staged_reward.isolation.view import DEVICES, View

# Where a program may write. Landlock overlooks the folder that something is mounted on, and sees the one above.
SCRATCH_PARENT = "/scratch"
SCRATCH = f"{SCRATCH_PARENT}/work"

_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_MOUNT_SETATTR = 442
_BIND, _REC, _PRIVATE, _NOSUID, _NODEV, _NOEXEC = 0x1000, 0x4000, 0x40000, 0x2, 0x4, 0x8
_DETACH = 0x2
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_ATTR_RDONLY, _ATTR_NOSUID, _ATTR_NODEV = 0x1, 0x2, 0x4
_LINKS = {
    "/dev/fd": "/proc/self/fd", "/dev/stdin": "/proc/self/fd/0", "/dev/stdout": "/proc/self/fd/1",
    "/dev/stderr": "/proc/self/fd/2", "/dev/shm": SCRATCH, "/tmp": SCRATCH, "/var/tmp": SCRATCH,
}  # fmt: skip


def build_root(base: str, view: View) -> None:
    """Make a root file system at `base`, without its /proc.

    Args:
        base: An empty folder, which is left as it is for all other processes.
        view: What to show.

    Raises:
        OSError: This machine does not allow it.
    """
    _mount(None, "/", None, _REC | _PRIVATE)
    _mount("root", base, "tmpfs", _NOSUID | _NODEV, "size=4m,mode=755")
    for path in sorted(view.readable, key=lambda path: os.path.realpath(path).count("/")):
        _show(path, base)
    for path in view.masked:
        _hide(f"{base}{os.path.realpath(path)}")
    for device in DEVICES:
        _place(f"{base}{device}", is_folder=False)
        _mount(device, f"{base}{device}", None, _BIND)
    for folder in (SCRATCH, "/proc", "/var"):
        os.makedirs(f"{base}{folder}", exist_ok=True)
    for link, target in _LINKS.items():
        if not os.path.lexists(f"{base}{link}"):  # where the interpreter is installed in /tmp, that stays itself
            os.symlink(target, f"{base}{link}")


def enter_root(base: str) -> None:
    """Move this process, the first of its PID namespace, into the root file system, whose /proc shows that namespace.

    Nothing of the root itself can be written from then on, but for the scratch folder that is mounted in it.

    Args:
        base: Where `build_root` made it.

    Raises:
        OSError: This machine does not allow it. An unprivileged user gets a /proc only while one is in sight of which
            nothing is hidden.
    """
    _mount("proc", f"{base}/proc", "proc", _NOSUID | _NODEV | _NOEXEC)
    os.chdir(base)
    kernel.syscall(_PIVOT_ROOT[kernel.MACHINE], ctypes.c_char_p(b"."), ctypes.c_char_p(b"."))
    kernel.call("umount2", b".", _DETACH)  # the old root lies on top of the new one
    os.chdir("/")
    _set_attributes("/", _ATTR_RDONLY, recursive=False)


def _show(path: str, base: str) -> None:
    """Bind a path, at the place that its links lead to, and make those links."""
    real = "/"
    for part in filter(None, path.split("/")):
        here = os.path.join(real, part)
        if os.path.islink(here) and not os.path.lexists(f"{base}{here}"):
            os.makedirs(f"{base}{real}", exist_ok=True)
            os.symlink(os.readlink(here), f"{base}{here}")
        real = os.path.realpath(here)
    if os.path.lexists(f"{base}{real}"):
        return  # shown with a folder above it
    _place(f"{base}{real}", is_folder=os.path.isdir(real))
    _mount(real, f"{base}{real}", None, _BIND | _REC)
    _set_attributes(f"{base}{real}", _ATTR_RDONLY | _ATTR_NOSUID | _ATTR_NODEV, recursive=True)


def _hide(path: str) -> None:
    if os.path.isdir(path):
        _mount("masked", path, "tmpfs", _NOSUID | _NODEV, "size=0,nr_inodes=1,mode=755")
        _set_attributes(path, _ATTR_RDONLY, recursive=False)
    else:
        _mount("/dev/null", path, None, _BIND)


def _place(path: str, *, is_folder: bool) -> None:
    """Make something to mount on."""
    os.makedirs(path if is_folder else os.path.dirname(path), exist_ok=True)
    if not is_folder:
        os.close(os.open(path, os.O_CREAT | os.O_RDONLY | os.O_CLOEXEC, 0o444))


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str = "") -> None:
    texts = [None if text is None else text.encode() for text in (source, target, kind)]
    kernel.call("mount", *texts, ctypes.c_ulong(flags), options.encode() or None)


def _set_attributes(path: str, attributes: int, *, recursive: bool) -> None:
    request = ctypes.create_string_buffer(struct.pack("=QQQQ", attributes, 0, 0, 0), 32)
    flags = _AT_RECURSIVE if recursive else 0
    kernel.syscall(_MOUNT_SETATTR, _AT_FDCWD, ctypes.c_char_p(path.encode()), flags, request, 32)
