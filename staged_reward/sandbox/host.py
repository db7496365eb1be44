"""The trusted end of the sandbox: starts the fork server, asks it for guests, speaks to them. It judges nothing."""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgpack

from staged_reward.errors import InfraError
from staged_reward.imports import imported_packages
from staged_reward.isolation.layers import ALL, Layer
from staged_reward.isolation.scratch import empty_folder
from staged_reward.limits import Limits
from staged_reward.sandbox import codec
from staged_reward.sandbox.forkserver import ENDING, PRELOADABLE, REQUEST, STOP
from staged_reward.sandbox.supervise import Ending, Reason
from staged_reward.sandbox.wall import wall_command
from staged_reward.sandbox.wire import Wire, frame

START_SECONDS = 30.0
MAX_REPORT_BYTES = 1 << 16  # what the keeper says of the start
STOP_SECONDS = 2.0  # for the fork server to end its guest and itself
MAX_PATIENCE = 20  # times the wall limit and grace, for a fork server that is at work on a busy machine
GRACE_SECONDS = 10.0  # beyond the wall limit, before the fork server itself is given up

PACKAGE_DIR = str(Path(__file__).resolve().parents[2])


def python_command(module: str, *options: str) -> list[str]:
    """Return a command that runs the `main` of a module of this very package; its last argument must be PACKAGE_DIR.

    The folder stands first on the path only while the package is found: what lies next to the package, be it a user's
    `json.py`, must not take the place of the standard library.
    """
    find = "import sys; sys.path.insert(0, sys.argv[-1]); import staged_reward; sys.path.append(sys.path.pop(0))"
    return [sys.executable, *options, "-P", "-c", f"{find}; from {module} import main; main()"]


def clean_environment() -> dict[str, str]:
    """Return the whole environment of a sandbox process: nothing of ours, one hash seed, one thread per library."""
    threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM")}
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        **threads,
    }


class GuestProcess:
    """One program's process. Send operations, receive replies, then `end` it."""

    def __init__(self, server: ForkServer, connection: socket.socket, limits: Limits) -> None:
        self._server = server
        self._connection = connection
        self._patience_seconds = limits.wall_seconds + GRACE_SECONDS
        patience = struct.pack("@ll", int(self._patience_seconds) + 1, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, patience)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, patience)
        self._wire = Wire(connection.fileno(), max_bytes=limits.output_mib << 20)
        self._ending: Ending | None = None

    def send(self, *frames: bytes) -> None:
        """Send frames; a guest that is gone shows in `receive`.

        Raises:
            InfraError: It takes nothing although every limit has passed.
        """
        try:
            self._wire.send(*frames)
        except (BrokenPipeError, ConnectionResetError):
            return
        except BlockingIOError:
            raise self._overdue() from None

    def receive(self) -> bytes | None:
        """Return the next reply, or None when the guest has ended.

        Raises:
            FrameTooLargeError: It sent more than its limit.
            InfraError: Nothing came although every limit has passed, and the fork server is not at work.
        """
        for _ in range(MAX_PATIENCE):
            try:
                return self._wire.receive()
            except BlockingIOError:
                if not self._server.is_at_work():
                    break
        raise self._overdue()

    def _overdue(self) -> InfraError:
        return InfraError(f"the fork server enforced no limit within {self._patience_seconds:.0f} s")

    def end(self, *, kill: bool = False) -> Ending:
        """Hang up, or kill, and return how the guest ended. Later calls return the same."""
        if self._ending is None:
            try:
                self._ending = self._server.finish(kill=kill)
            finally:
                self._connection.close()
        return self._ending

    def hang_up(self) -> Ending:
        """Let the guest end by itself."""
        if self._ending is None:
            self._connection.close()
            self._ending = self._server.finish(kill=False)
        return self._ending


class ForkServer:
    """A running fork server. One guest at a time; restarts are the caller's to ask for (`close`, then a fresh one).

    Args:
        layers: Of isolation, as many as the machine allows.
        scratch_mib: Size of the folder that programs may write to, where it can be limited.
        outer_wall: Put bubblewrap around the whole.

    Attributes:
        layers: Those in force.
        missing: For those that are not, why.
        pid: Of the fork server.

    Raises:
        InfraError: It did not start.
    """

    def __init__(
        self,
        layers: Collection[Layer] = ALL,
        *,
        scratch_mib: int = Limits().scratch_mib,
        outer_wall: bool = False,
    ) -> None:
        self._patience_seconds = START_SECONDS
        self._connection: socket.socket | None = None
        try:
            self._base = tempfile.mkdtemp(prefix="staged-reward-")
            self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        except OSError as error:
            raise InfraError(f"no folder or socket for a fork server: {error}") from error
        with theirs:
            self._process = self._start_keeper(theirs, layers, scratch_mib, outer_wall=outer_wall)
        self._control.settimeout(START_SECONDS)
        try:
            hello = msgpack.unpackb(self._control.recv(MAX_REPORT_BYTES) or msgpack.packb({}))
        except OSError:  # silent
            hello = {}
        if not hello:
            self.close()
            raise InfraError(f"the fork server did not start within {START_SECONDS:.0f} s; its error is on stderr")
        self.pid = int(hello["pid"])
        self.layers = frozenset(map(Layer, hello["active"]))
        self.missing: dict[str, str] = hello["missing"]

    def _start_keeper(
        self, control: socket.socket, layers: Collection[Layer], scratch_mib: int, *, outer_wall: bool
    ) -> subprocess.Popen[bytes]:
        arguments = [str(control.fileno()), self._base, str(scratch_mib), ",".join(sorted(layers))]
        try:
            return subprocess.Popen(
                [
                    *(wall_command(self._base) if outer_wall else ()),
                    *python_command("staged_reward.sandbox.keeper", "-s"),
                    *arguments,
                    PACKAGE_DIR,
                ],
                pass_fds=[control.fileno()],
                env=clean_environment(),
                cwd=self._base,
                start_new_session=True,
                stdin=subprocess.DEVNULL,
            )
        except (OSError, InfraError) as error:
            self._control.close()
            os.rmdir(self._base)
            raise InfraError(f"no process for a fork server: {error}") from error

    def start(self, limits: Limits, *, packages: int = 0, is_script: bool = False) -> GuestProcess:
        """Fork a guest under `limits`, after importing `packages` (see `packages_to_preload`).

        Args:
            limits: What it may use.
            packages: To import first.
            is_script: It runs a program as a script, on standard streams of its own.

        Raises:
            InfraError: The fork server is gone.
        """
        request = REQUEST.pack(
            limits.cpu_seconds,
            limits.wall_seconds,
            limits.memory_mib,
            limits.file_mib,
            limits.num_processes,
            packages,
        )
        fds: list[int] = []
        try:
            ours, theirs = socket.socketpair()
            fds.append(theirs.detach())
            fds += [os.memfd_create(name) for name in ("stdin", "stdout", "stderr") if is_script]
            socket.send_fds(self._control, [request], fds)
        except OSError as error:
            if fds:
                ours.close()
            raise InfraError(f"the fork server cannot be asked for a process: {error}") from error
        finally:
            for fd in fds:
                os.close(fd)
        self._patience_seconds = limits.wall_seconds + GRACE_SECONDS
        self._connection = ours
        return GuestProcess(self, ours, limits)

    def is_at_work(self) -> bool:
        """Whether fork server and keeper are there, and not stopped: a busy machine makes them slow, not silent."""
        return all(_state_of(pid) in ("R", "S", "D") for pid in (self.pid, self._process.pid))

    def finish(self, *, kill: bool) -> Ending:
        """Wait for the running guest to end, after killing it where asked to.

        Raises:
            InfraError: The fork server is gone or silent, or could not fork.
        """
        try:
            self._control.settimeout(self._patience_seconds)
            if kill:
                self._control.sendall(STOP)
            answer = self._control.recv(ENDING.size)
        except OSError as error:
            raise InfraError(f"the fork server is gone: {error}") from error
        if len(answer) != ENDING.size:
            raise InfraError("the fork server ended in mid-run")
        reason, status, cpu_seconds, seconds = ENDING.unpack(answer)
        if reason == Reason.UNBORN:
            raise InfraError("the fork server could not start a process; the machine is out of processes or memory")
        return Ending(Reason(reason), status, cpu_seconds, seconds)

    def close(self) -> None:
        """End the fork server, and with it every guest, and remove its folder."""
        self.end()
        self._control.close()
        if self._connection is not None:
            self._connection.close()

    def end(self) -> None:
        """Do the same from any thread; one that waits for a guest gets an `InfraError`.

        The fork server hears that we hang up, and then ends a guest and all that the guest started; only a silent one
        is killed.
        """
        with suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)  # the fork server dies with its keeper
        self._process.wait()
        with suppress(FileNotFoundError):
            empty_folder(self._base)
            os.rmdir(self._base)


def _state_of(pid: int) -> str:
    """Return the kernel's letter for what a process is doing; none where it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def operation(*operands: Any) -> bytes:
    """Return one framed operation for a guest (see `guest`)."""
    return frame(codec.encode(list(operands)))


def packages_to_preload(program: str) -> int:
    """Return which of `PRELOADABLE` a program imports, as a bit set."""
    imported = imported_packages(program)
    return sum(1 << bit for bit, name in enumerate(PRELOADABLE) if name in imported)
