"""The folder that a program may write to: empty at its start, whatever the last program made of it.

With a mount namespace it is a file system in memory with a size, mounted afresh for every program: what was in it goes
as a whole, and no path in it is followed. Without, it is a folder on disk, removed by descriptors, never by path.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable

from staged_reward.isolation import kernel

MOUNT_FLAGS = 0x406  # MS_NOSUID | MS_NODEV | MS_NOATIME
UNMOUNT_FLAGS = 0x2  # MNT_DETACH
MAX_FILES = 20_000


class MountedScratch:
    """A file system in memory at `path`, in this process' mount namespace."""

    def __init__(self, path: str, *, size_mib: int, uid: int) -> None:
        self.path = path
        self._target = path.encode()
        self._options = f"size={size_mib}m,nr_inodes={MAX_FILES},mode=700,uid={uid},gid={uid}".encode()
        self._is_mounted = False

    def renew(self) -> bool:
        """Put an empty one in the place of what is there. Return whether the folder is another than before."""
        self.remove()
        kernel.call("mount", b"scratch", self._target, b"tmpfs", MOUNT_FLAGS, self._options)
        self._is_mounted = True
        return True

    def remove(self) -> None:
        """Take it away."""
        if self._is_mounted:
            kernel.call("umount2", self._target, UNMOUNT_FLAGS)
            self._is_mounted = False


class FolderScratch:
    """A folder on disk beside a `trash` folder; another process, which no filter binds, empties that.

    Args:
        path: The folder. Its parent is this process' own.
        trash: Where what a program left goes.
        uid: Whose it is.
        on_trash: Called when something has gone there.
    """

    def __init__(self, path: str, trash: str, *, uid: int, on_trash: Callable[[], None]) -> None:
        self.path = path
        self._trash = trash
        self._uid = uid
        self._on_trash = on_trash
        self._names = itertools.count()
        self._identity: tuple[int, ...] = ()

    def renew(self) -> bool:
        """Make it empty. Return whether it is another folder than before."""
        if self._is_untouched():
            return False
        self.remove()
        os.mkdir(self.path, 0o700)
        if self._uid != os.getuid():
            os.chown(self.path, self._uid, self._uid)
        self._identity = self._identify()
        return True

    def _is_untouched(self) -> bool:
        try:
            return self._identify() == self._identity and not os.listdir(self.path)
        except OSError:  # a program removed it, or made something else of it
            return False

    def _identify(self) -> tuple[int, ...]:
        found = os.lstat(self.path)
        return found.st_dev, found.st_ino, found.st_mode, found.st_uid, found.st_gid

    def remove(self) -> None:
        """Take it away, whatever a program made of it: locked folders, a link in its place, nothing at all."""
        try:
            os.rmdir(self.path)
        except FileNotFoundError:
            return
        except OSError:
            os.rename(self.path, f"{self._trash}/{next(self._names)}")
            self._on_trash()


def empty_folder(path: str) -> None:
    """Remove all that is in a folder, to any depth. Nobody may be at work in it any more.

    Raises:
        OSError: Something in it cannot be removed.
    """
    for entry in os.scandir(path):
        if entry.is_dir(follow_symlinks=False):
            _remove_tree(path, entry.name)
        else:
            os.unlink(entry.path)


def _remove_tree(parent: str, name: str) -> None:
    """Remove a folder. Walks by descriptors, one at a time: follows no link, no depth is too deep, reads each once."""
    here = _step(os.open(parent, os.O_RDONLY | os.O_DIRECTORY), name)
    names, pending = [name], [_remove_files(here)]
    while names:
        if pending[-1]:
            names.append(pending[-1].pop())
            here = _step(here, names[-1])
            pending.append(_remove_files(here))
        else:
            pending.pop()
            here = _step(here, "..")
            os.rmdir(names.pop(), dir_fd=here)
    os.close(here)


def _step(here: int, name: str) -> int:
    """Go to a folder next to this one, and close this one."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    try:
        there = os.open(name, flags, dir_fd=here)
    except PermissionError:
        os.chmod(name, 0o700, dir_fd=here)
        there = os.open(name, flags, dir_fd=here)
    os.close(here)
    return there


def _remove_files(folder: int) -> list[str]:
    """Remove the files of a folder; return the names of the folders in it."""
    os.fchmod(folder, 0o700)
    with os.scandir(folder) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in found:
        if not is_folder:
            os.unlink(name, dir_fd=folder)
    return [name for name, is_folder in found if is_folder]
