"""A fork server whose guests say what a test wants them to say, whatever they are asked."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from typing import cast

from staged_reward.limits import Limits
from staged_reward.sandbox.host import ForkServer, GuestProcess
from staged_reward.sandbox.supervise import Ending, Reason

Play = Callable[[socket.socket], None]


class FakeServer:
    """Starts guests that are forks of this process, in which `play` has the program's end of the wire."""

    def __init__(self, play: Play) -> None:
        self._play = play
        self._pid = 0

    def start(self, limits: Limits, *, packages: int = 0, is_script: bool = False) -> GuestProcess:
        ours, theirs = socket.socketpair()
        self._pid = os.fork()
        if self._pid == 0:
            ours.close()
            signal.alarm(60)
            try:
                self._play(theirs)
            finally:
                os._exit(0)
        theirs.close()
        return GuestProcess(self.as_server(), ours, limits)

    def finish(self, *, kill: bool) -> Ending:
        if kill:
            os.kill(self._pid, signal.SIGKILL)
        _, status = os.waitpid(self._pid, 0)
        return Ending(Reason.STOPPED if kill else Reason.EXITED, status, 0.0, 0.0)

    def as_server(self) -> ForkServer:
        return cast("ForkServer", self)


def saying(stream: bytes) -> FakeServer:
    """Return a server whose guests send these bytes, hang up, and never listen."""

    def play(wire: socket.socket) -> None:
        try:
            wire.sendall(stream)
            wire.shutdown(socket.SHUT_WR)
            while wire.recv(1 << 16):
                pass
        except OSError:  # the judge has heard enough
            pass

    return FakeServer(play)
