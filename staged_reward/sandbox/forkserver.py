"""The fork server: a small process, started by exec, that forks one guest per program. Untrusted side.

It is handed a socket and limits for each guest, and never sees a source, an argument or a test: those go over the
socket, from the judge to the guest. `keeper` builds its surroundings and starts it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import marshal
import os
import random
import socket
import struct
import sys
from typing import NoReturn

from staged_reward.isolation import kernel
from staged_reward.isolation.cell import Cell, ProgramLimits
from staged_reward.sandbox import codec, script
from staged_reward.sandbox.guest import VALUE, ExitError, Guest, code_of, describe_error, make_module
from staged_reward.sandbox.supervise import Ending, Reason, bounds_of, supervise
from staged_reward.sandbox.wire import Wire

# Packages that are imported often, and take long. A fork server that has imported some is larger, and so are its forks; the
# host keeps it apart from the one for all other programs.
PRELOADABLE = ("hashlib", "numpy", "requests")

# One request: cpu seconds, wall seconds, memory MiB, file MiB, processes, packages to import first (a bit set over
# PRELOADABLE). A socket goes with it, and for a script the files of its standard streams.
REQUEST = struct.Struct("<ddIIII")
MAX_FILES = 4
# One answer: reason, wait status, cpu seconds, wall seconds.
ENDING = struct.Struct("<Bidd")
STOP = b"K"
PROGRAM_NAME = "solution.py"
OUT_OF_MEMORY = 97  # status of a guest that has none left
_WIRE = 3  # the descriptor of the socket in a guest

# What programs import most. A module that maps many pages or libraries makes every fork slower, so the list is short.
PRELOADED = (
    "ast", "bisect", "collections", "copy", "datetime", "decimal", "fractions", "functools", "heapq", "itertools", "math",
    "operator", "random", "re", "string", "time", "typing",
)  # fmt: skip


def serve(control: socket.socket, cell: Cell) -> None:
    """Fork a guest for each request until the host hangs up."""
    failures = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
    while True:
        request, fds, _, _ = socket.recv_fds(control, REQUEST.size, MAX_FILES)
        if not request:
            return
        if request == STOP:  # meant for a guest that ended by itself meanwhile
            continue
        ending = _run_guest(control, cell, failures, REQUEST.unpack(request), fds)
        control.sendall(ENDING.pack(ending.reason, ending.status, ending.cpu_seconds, ending.seconds))
        cell.clean_up()


def _run_guest(
    control: socket.socket,
    cell: Cell,
    failures: int,
    limits: tuple[float, float, int, int, int, int],
    fds: list[int],
) -> Ending:
    cpu_seconds, wall_seconds, memory_mib, file_mib, num_processes, packages = limits
    _preload(packages)
    is_script = len(fds) > 1
    try:
        cell.prepare(ProgramLimits(cpu_seconds, memory_mib, file_mib, num_processes))
        num_killed = cell.num_killed()
        pid = cell.fork()
        if pid == 0:
            _become_guest(fds, cell, failures)
    except OSError:
        return Ending(Reason.UNBORN, 0, 0.0, 0.0)
    finally:
        for fd in fds:
            os.close(fd)
    bounds = bounds_of(
        cell,
        cpu_seconds,
        wall_seconds,
        memory_mib,
        num_processes,
        can_kill_all=cell.server_is_alone,
        is_supervisor=is_script,
    )
    ending = supervise(
        pid,
        bounds,
        watch_fd=control.fileno(),
        on_ready=lambda: Reason.STOPPED if control.recv(REQUEST.size) in (STOP, b"") else None,
    )
    if ending.reason is Reason.EXITED and ending.status != 0:
        if _has_failed(failures):
            return ending._replace(reason=Reason.UNBORN)
        if cell.num_killed() != num_killed:
            return ending._replace(reason=Reason.MEMORY)
    return ending


def _has_failed(failures: int) -> bool:
    """Whether a guest could not be put into its surroundings; its program has not run then."""
    try:
        return os.eventfd_read(failures) > 0
    except BlockingIOError:
        return False


def _preload(packages: int) -> None:
    """Import packages that the coming program imports, once for all that follow."""
    for bit, name in enumerate(PRELOADABLE):
        if packages >> bit & 1 and name not in sys.modules:
            with contextlib.suppress(ImportError):  # not installed, or broken: the program will see that itself
                importlib.import_module(name)
            gc.freeze()


def _become_guest(fds: list[int], cell: Cell, failures: int) -> NoReturn:
    is_script = len(fds) > 1
    to_wire = kernel.keep_only(fds[0], _WIRE)
    try:
        try:
            cell.enter()
            if not is_script:  # of a script the program runs one fork further on
                cell.confine()
        except BaseException:
            os.eventfd_write(failures, 1)
            raise
        if is_script:
            kernel.adopt_orphans()
            script.serve(Wire(fds[0]), cell, fds[1:])
        else:
            kernel.perform(to_wire)
            _obey(Wire(_WIRE))
    except ExitError:
        os._exit(0)
    except MemoryError:  # not even a reply could be made
        os._exit(OUT_OF_MEMORY)
    except BaseException:  # noqa: BLE001  a program may break anything here; the judge sees the silence
        os._exit(1)
    os._exit(0)


def _obey(wire: Wire) -> None:
    first = wire.receive()
    if first is None:
        raise ExitError
    name, *operands = codec.decode(first)
    guest = Guest(wire)
    guest.perform(name, *operands)
    guest.serve()


def warm_up() -> None:
    """Import, and do once, what every guest does, so that it is set up before the fork."""
    for name in PRELOADED:
        importlib.import_module(name)
    module = make_module("warm_up", "import math")
    source = (
        "from typing import List\nclass A:\n    x = 1\ndef f(a, *b, **c):\n    return [i for i in sorted(set(a))]\n"
    )
    exec(code_of(marshal.dumps(code_of(source))), module.__dict__)
    codec.decode(codec.encode([VALUE, {"a": (1, 2.5)}, module.f([3, 1])]))
    describe_error(ValueError("x"))
    del sys.modules["warm_up"]


def settle(home: str) -> None:
    """Fix the state that every guest starts from: same program, same verdict."""
    os.environ["HOME"] = os.environ["TMPDIR"] = home
    devnull = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(devnull, standard)
    os.close(devnull)
    random.seed(0)
    gc.collect()
    gc.freeze()
