"""The fork server: a small process, started by exec, that forks one guest per program. Untrusted side.

It is handed a socket and limits for each guest, and never sees a source, an argument or a test: those go over the
socket, from the judge to the guest. The host runs it: python -c '…forkserver.main()' CONTROL_FD SCRATCH_DIR PACKAGE_DIR
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import random
import signal
import socket
import struct
import sys
from typing import NoReturn

from staged_reward.sandbox import codec, isolate, script
from staged_reward.sandbox.guest import VALUE, ExitError, Guest, compile_source, describe_error, make_module
from staged_reward.sandbox.supervise import Ending, Reason, supervise
from staged_reward.sandbox.wire import Wire

# Third-party packages that are imported often, and take long. A fork server that has imported some is larger, and so are
# its forks; the host keeps it apart from the one for all other programs.
PRELOADABLE = ("numpy", "requests")

# One request: cpu seconds, wall seconds, memory MiB, file MiB, processes, packages to import first (a bit set over
# PRELOADABLE). A socket goes with it.
REQUEST = struct.Struct("<ddIIII")
# One answer: reason, wait status, cpu seconds, wall seconds.
ENDING = struct.Struct("<Bidd")
READY = b"R"
STOP = b"K"
GUEST_FOLDER = "work"
PROGRAM_NAME = "solution.py"

# What programs import most. A module that maps many pages or libraries makes every fork slower, so the list is short.
PRELOADED = (
    "bisect", "collections", "copy", "datetime", "decimal", "fractions", "functools", "heapq", "itertools", "math",
    "operator", "random", "re", "string", "time", "typing",
)  # fmt: skip


def serve(control: socket.socket, scratch: str) -> None:
    """Fork a guest for each request until the host hangs up."""
    folder = f"{scratch}/{GUEST_FOLDER}"
    while True:
        request, fds, _, _ = socket.recv_fds(control, REQUEST.size, 1)
        if not request:
            return
        if request == STOP:  # meant for a guest that ended by itself meanwhile
            continue
        cpu_seconds, wall_seconds, memory_mib, file_mib, num_processes, packages = REQUEST.unpack(request)
        _preload(packages)
        limits = isolate.kernel_limits(cpu_seconds, memory_mib, file_mib, num_processes)
        os.mkdir(folder)
        try:
            pid = isolate.fork()
        except OSError:
            ending = Ending(Reason.UNBORN, 0, 0.0, 0.0)
        else:
            if pid == 0:
                os.close(control.fileno())
                _become_guest(fds[0], folder, limits)
            os.close(fds[0])
            ending = supervise(
                pid,
                cpu_seconds=cpu_seconds,
                wall_seconds=wall_seconds,
                watch_fd=control.fileno(),
                on_ready=lambda: Reason.STOPPED if control.recv(REQUEST.size) in (STOP, b"") else None,
            )
        _remove(folder)
        control.sendall(ENDING.pack(ending.reason, ending.status, ending.cpu_seconds, ending.seconds))


def _preload(packages: int) -> None:
    """Import third-party packages that the coming program imports, once for all that follow."""
    for bit, name in enumerate(PRELOADABLE):
        if packages >> bit & 1 and name not in sys.modules:
            with contextlib.suppress(ImportError):  # not installed, or broken: the program will see that itself
                importlib.import_module(name)
            gc.freeze()


def _remove(folder: str) -> None:
    """Remove a folder, whatever the guest made of it: locked folders, a link in its place, nothing at all."""
    try:
        os.rmdir(folder)
    except NotADirectoryError:
        os.unlink(folder)
    except FileNotFoundError:
        return
    except OSError:
        os.chmod(folder, 0o700)
        for parent, names, _ in os.walk(folder):
            for path in (f"{parent}/{name}" for name in names):
                if not os.path.islink(path):
                    os.chmod(path, 0o700)
        importlib.import_module("shutil").rmtree(folder, ignore_errors=True)


def _become_guest(fd: int, folder: str, limits: isolate.KernelLimits) -> NoReturn:
    isolate.apply_limits(limits)
    os.chdir(folder)
    try:
        _obey(Wire(fd))
    except ExitError:
        os._exit(0)
    except BaseException:  # noqa: BLE001  a program may break anything here; the judge sees the silence
        os._exit(1)
    os._exit(0)


def _obey(wire: Wire) -> None:
    first = wire.receive()
    if first is None:
        raise ExitError
    name, *operands = codec.decode(first)
    if name == "scripts":
        isolate.adopt_orphans()
        script.run_scripts(wire, *operands)
        return
    guest = Guest(wire)
    guest.perform(name, *operands)
    guest.serve()


def _warm_up() -> None:
    """Do once what every guest does, so that what the interpreter sets up at first use is set up before the fork."""
    module = make_module("warm_up", "import math")
    source = (
        "from typing import List\nclass A:\n    x = 1\ndef f(a, *b, **c):\n    return [i for i in sorted(set(a))]\n"
    )
    exec(compile_source(source), module.__dict__)
    codec.decode(codec.encode([VALUE, {"a": (1, 2.5)}, module.f([3, 1])]))
    describe_error(ValueError("x"))
    del sys.modules["warm_up"]


def main() -> None:
    """Prepare the process and serve."""
    _, control_fd, scratch, package_dir = sys.argv
    sys.argv[:] = [PROGRAM_NAME]  # what programs see
    control = socket.socket(fileno=int(control_fd))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    isolate.adopt_orphans()
    isolate.no_new_privileges()
    has_network = not isolate.leave_network()
    for name in PRELOADED:
        importlib.import_module(name)
    devnull = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(devnull, standard)
    os.close(devnull)
    if not package_dir.endswith("-packages"):  # where numpy and its like are installed; a checkout is ours alone
        sys.path[:] = [path for path in sys.path if path != package_dir]
    _warm_up()
    random.seed(0)  # the state that every guest starts from: same program, same verdict
    gc.collect()
    gc.freeze()
    control.sendall(READY + bytes([has_network]))
    try:
        serve(control, scratch)
    finally:
        _remove(scratch)
