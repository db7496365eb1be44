"""The keeper: the process that the host starts. It builds the surroundings of a fork server, starts it, waits for it,
and cleans up after it. It handles nothing of any program, and no filter binds it.

Where the machine refuses a layer, it tries again without, and reports what is missing and why. The host runs it:
python -c '…keeper.main()' CONTROL_FD SCRATCH_DIR SCRATCH_MIB LAYERS PACKAGE_DIR
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
from collections.abc import Collection, Iterator
from typing import Any, NoReturn

import msgpack

from staged_reward.isolation import cgroup, credentials, kernel, landlock
from staged_reward.isolation import view as views
from staged_reward.isolation.cell import ROOT_FOLDER, TRASH_FOLDER, Cell, Plan, RefusedError
from staged_reward.isolation.layers import FILES_AND_PROCESSES, Layer
from staged_reward.isolation.scratch import empty_folder
from staged_reward.sandbox.forkserver import PROGRAM_NAME, serve, settle, warm_up
from staged_reward.sandbox.supervise import kill_strays

_MAX_REPORT_BYTES = 1 << 16
_WAKE = b"\n"


class StartError(Exception):
    """The fork server failed for another reason than a layer that the machine refuses."""


class _Keeper:
    """Builds, waits, cleans up.

    Args:
        control: To the host.
        base: A folder of the sandbox's own.
        scratch_mib: Size of what programs may write.
        wanted: Layers.
        package_dir: Where this package is.
    """

    def __init__(
        self, control: socket.socket, base: str, scratch_mib: int, wanted: Collection[Layer], package_dir: str
    ) -> None:
        self._control = control
        self._base = base
        self._scratch_mib = scratch_mib
        self._view = views.of_interpreter(package_dir)
        self._layers = frozenset(wanted)
        self._missing: dict[str, str] = {}
        self._cgroup: cgroup.Cgroup | None = None
        os.mkdir(f"{base}/{ROOT_FOLDER}", 0o755)
        os.mkdir(f"{base}/{TRASH_FOLDER}", 0o700)
        os.chmod(base, 0o711)  # another user has to pass through, to its own folder in it

    def run(self) -> None:
        """Start the fork server with as many layers as the machine allows, and wait for its end."""
        self._settle_on_what_needs_no_trial()
        try:
            server, reports = 0, -1
            while not server:
                server, reports = self._try_start()
            self._keep(server, reports)
        finally:
            kill_strays(can_kill_all=False)
            self._clean_up()

    def _try_start(self) -> tuple[int, int]:
        """Start a fork server with the layers that are left. Return its process id, 0 if it refused, and its reports."""
        reports, to_keeper = os.pipe()
        until_alone, keeper_waits = os.pipe()
        child = kernel.fork()
        if child == 0:
            os.close(reports)
            os.close(keeper_waits)
            self._start_server(to_keeper, until_alone)
        os.close(to_keeper)
        os.close(until_alone)
        server = self._has_started(reports, child, keeper_waits)
        if not server:
            os.close(reports)
            kill_strays(can_kill_all=False)
        return server, reports

    def _settle_on_what_needs_no_trial(self) -> None:
        if Layer.UID in self._layers and os.getuid() != 0:
            self._do_without({Layer.UID}, "needs root")
        if Layer.LANDLOCK in self._layers and landlock.version() == 0:
            self._do_without({Layer.LANDLOCK}, "this kernel has none, or it is not among its active security modules")
        if not self._layers >= FILES_AND_PROCESSES:
            self._layers -= FILES_AND_PROCESSES
        if Layer.CGROUP in self._layers:
            try:
                self._cgroup = cgroup.make(os.getpid())
            except OSError as error:
                self._do_without({Layer.CGROUP}, str(error))

    def _do_without(self, layers: Collection[Layer], reason: str) -> None:
        for layer in self._layers.intersection(layers):
            self._missing[layer] = reason
        self._layers = self._layers.difference(layers)

    def _start_server(self, to_keeper: int, until_alone: int) -> NoReturn:
        try:
            uid = credentials.uid_for(os.getpid()) if Layer.UID in self._layers else os.getuid()
            plan = Plan(
                self._layers, self._base, self._view, uid, self._cgroup, self._scratch_mib,
                on_trash=lambda: _tell(to_keeper, _WAKE),
            )  # fmt: skip
            plan = plan._replace(layers=Cell.enter_namespaces(plan))
            self._become_server(plan, to_keeper, until_alone)
        except RefusedError as error:
            _tell(to_keeper, _report(refused=sorted(error.layers), reason=error.reason))
        except Exception as error:  # noqa: BLE001  reported, and raised by the keeper
            _tell(to_keeper, _report(failed=f"{type(error).__name__}: {error}"))
        os._exit(0)

    def _become_server(self, plan: Plan, to_keeper: int, until_alone: int) -> None:
        """Become the first process of a PID namespace, where there is one; build the cell; serve."""
        pid = kernel.fork() if Layer.PID in plan.layers else 0
        if pid:
            _tell(to_keeper, _report(pid=pid))
            os._exit(0)
        if Layer.PID not in plan.layers:
            _tell(to_keeper, _report(pid=os.getpid()))
        os.read(until_alone, 1)  # until the keeper is the parent: the end of another one must not end this process
        os.close(until_alone)
        kernel.perform([kernel.die_with_parent(signal.SIGKILL)])
        os.setsid()
        kernel.adopt_orphans()
        cell = Cell(plan)
        settle(cell.scratch.path)
        _tell(to_keeper, _report(active=sorted(plan.layers)))
        serve(self._control, cell)
        os._exit(0)

    def _has_started(self, reports: int, child: int, keeper_waits: int) -> int:
        """Read what the fork server says of its start; pass it on to the host, or note what to do without.

        Returns:
            Its process id; 0 where it has not started.
        """
        pid = 0
        for report in _read_reports(reports):
            match report:
                case {"pid": int(number)}:
                    pid = number
                    if pid != child:
                        os.waitpid(child, 0)
                    os.close(keeper_waits)
                case {"refused": list(layers), "reason": str(reason)}:
                    self._do_without(set(map(Layer, layers)), reason)
                    return 0
                case {"failed": str(reason)}:
                    raise StartError(reason)
                case {"active": active}:
                    with contextlib.suppress(BrokenPipeError):  # the host has gone: the fork server sees that too
                        hello = {"pid": pid, "active": active, "missing": self._missing}
                        self._control.sendall(msgpack.packb(hello))
                    return pid
        raise StartError("the fork server ended while it started")

    def _keep(self, server: int, reports: int) -> None:
        """Wait for the end of the fork server; empty the trash when it says so."""
        self._control.close()
        poller = select.poll()
        for fd in (os.pidfd_open(server), reports):
            poller.register(fd, select.POLLIN)
        while [fd for fd, _ in poller.poll()] == [reports] and os.read(reports, _MAX_REPORT_BYTES):
            empty_folder(f"{self._base}/{TRASH_FOLDER}")

    def _clean_up(self) -> None:
        if self._cgroup is not None:
            self._cgroup.remove()
        with contextlib.suppress(FileNotFoundError):  # the host does the same, where it is there to do it
            empty_folder(self._base)
            os.rmdir(self._base)


def _report(**content: Any) -> bytes:
    packed = msgpack.packb(content)
    assert isinstance(packed, bytes)
    return packed


def _read_reports(fd: int) -> Iterator[Any]:
    """Yield what comes, until the other end is closed."""
    unpacker = msgpack.Unpacker()
    while chunk := os.read(fd, _MAX_REPORT_BYTES):
        unpacker.feed(chunk)
        yield from unpacker


def _tell(fd: int, message: bytes) -> None:
    with contextlib.suppress(BrokenPipeError):
        os.write(fd, message)


def main() -> None:
    """Prepare, start the fork server, keep it."""
    _, control_fd, base, scratch_mib, layers, package_dir = sys.argv
    sys.argv[:] = [PROGRAM_NAME]  # what programs see
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    kernel.adopt_orphans()
    warm_up()
    sys.path[:] = [path for path in sys.path if path != package_dir or package_dir.endswith("-packages")]
    wanted = frozenset(map(Layer, filter(None, layers.split(","))))
    keeper = _Keeper(socket.socket(fileno=int(control_fd)), base, int(scratch_mib), wanted, package_dir)
    try:
        keeper.run()
    except StartError as error:
        sys.exit(f"staged-reward: the fork server did not start: {error}")
