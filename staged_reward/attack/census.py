"""What is on this machine at one moment: processes of ours and of programs, files left behind, IPC objects, keys.

Programs of this corpus name what they make `canary…`, files `canary_…`, so that a busy machine's own comings and goings
are no finding.
"""

from __future__ import annotations

import glob
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

PREFIX = "canary"
PUBLIC_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run/lock")
KEYS = "/proc/keys"
SETTLE_SECONDS = 1.0  # for what is being ended to end
_POLL_SECONDS = 0.02


class Process(NamedTuple):
    """One line of /proc/PID/stat."""

    pid: int
    parent: int
    name: str
    state: str


@dataclass(frozen=True, slots=True)
class Census:
    """What was there.

    Attributes:
        num_descendants: Processes below this one. Those that it adopted and that have ended do not count: elsewhere, the
            machine's first process adopts and reaps them.
        named: Names of the running ones that are called `canary…`.
        zombies: How many of them have ended and are not reaped.
        files: Paths called `canary_…` in folders that all may write to.
        scratch: How many files and folders are in the verifier's temporary folder.
        ipc: Lines of /proc/sysvipc, and of /proc/keys where a key is called `canary…`.
    """

    num_descendants: int
    named: tuple[str, ...]
    zombies: int
    files: frozenset[str]
    scratch: int
    ipc: frozenset[str]


def take_census(scratch: Path) -> Census:
    """Look at the machine.

    Args:
        scratch: The folder in which the verifier makes its temporary folders.
    """
    processes = list(all_processes())
    ended = set(ended_children(processes))
    below = {pid: process for pid, process in descendants(processes, os.getpid()).items() if pid not in ended}
    return Census(
        num_descendants=len(below),
        named=tuple(sorted(p.name for p in below.values() if p.name.startswith(PREFIX) and p.state != "Z")),
        zombies=sum(process.state == "Z" for process in below.values()),
        files=frozenset(path for folder in PUBLIC_FOLDERS for path in glob.glob(f"{folder}/{PREFIX}_*")),
        scratch=sum(len(folders) + len(files) for _, folders, files in os.walk(scratch)),
        ipc=frozenset(_ipc_lines()),
    )


def settled(look: Callable[[], list[str]], seconds: float = SETTLE_SECONDS) -> list[str]:
    """Look until nothing is found, or the time is over; return what was found last."""
    end = time.monotonic() + seconds
    while (found := look()) and time.monotonic() < end:
        time.sleep(_POLL_SECONDS)
    return found


def ended_children(processes: list[Process]) -> list[int]:
    """Return the pids of children of this process that have ended and are not reaped."""
    return [process.pid for process in processes if process.parent == os.getpid() and process.state == "Z"]


def all_processes() -> Iterator[Process]:
    """Yield every process of the machine that this one can see."""
    for name in os.listdir("/proc"):
        if name.isdigit() and (process := _read_process(int(name))) is not None:
            yield process


def _read_process(pid: int) -> Process | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):  # ended meanwhile
        return None
    name = text[text.index("(") + 1 : text.rindex(")")]
    state, parent = text[text.rindex(")") + 2 :].split()[:2]
    return Process(pid, int(parent), name, state)


def descendants(processes: list[Process], root: int) -> dict[int, Process]:
    """Return the processes below `root`, by pid."""
    children: dict[int, list[Process]] = {}
    for process in processes:
        children.setdefault(process.parent, []).append(process)
    found: dict[int, Process] = {}
    open_pids = [root]
    while open_pids:
        for child in children.get(open_pids.pop(), []):
            found[child.pid] = child
            open_pids.append(child.pid)
    return found


def _ipc_lines() -> Iterator[str]:
    for kind in ("shm", "msg", "sem"):
        for line in _lines(f"/proc/sysvipc/{kind}")[1:]:
            key, number, *_ = line.split()
            yield f"SysV {kind} {number} with key {key}"
    for line in _lines(KEYS):
        if PREFIX in line:
            yield f"key {line[line.index(PREFIX) :].split(':')[0]}"


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # a kernel without it
        return []
