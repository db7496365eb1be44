"""What a program should not be able to reach: a throw-away folder, a secret in it and in the environment, open ports.

The places are written into the attack programs, since a program's environment is clean and an attacker may know the
machine. Everything here is as open as Unix permissions make it: they are not what is tested.
"""

from __future__ import annotations

import os
import secrets
import select
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

FOLDER = Path("/tmp/canary")  # where programs of other corpora look when their environment does not say
FILES = {"keep.txt": "keep\n", "secret.txt": "", "sub/f": "f\n"}  # the secret is filled in
PACKAGE = Path(__file__).resolve().parents[1]


class Canary:
    """The folder, the secret and the listening sockets, for as long as the `with` block lasts.

    Attributes:
        folder: It holds keep.txt, secret.txt and sub/f.
        secret: No result may contain it.
        port: Of 127.0.0.1, TCP and UDP.
        unix: The name of an abstract Unix socket, without its NUL byte.
    """

    def __init__(self) -> None:
        self.secret = f"canary-secret-{secrets.token_hex(8)}"
        self.folder = _make_folder()
        self._contents = {name: text or self.secret for name, text in FILES.items()}
        self._tcp, self._udp = _listen()
        self.port: int = self._tcp.getsockname()[1]
        self.unix = f"canary-{secrets.token_hex(6)}"
        self._unix = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._unix.bind(f"\0{self.unix}")
        self._unix.listen(8)
        self.repair()

    def repair(self) -> None:
        """Put the folder into its first state."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(exist_ok=True)
        for name, text in self._contents.items():
            path = self.folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            path.chmod(0o666)
            path.parent.chmod(0o777)

    def damage(self) -> list[str]:
        """Return what is not as it was: files changed, gone or added."""
        found = {str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if not path.is_dir()}
        added = [f"{name} was added" for name in sorted(found - self._contents.keys())]
        gone = [f"{name} is gone" for name in sorted(self._contents.keys() - found)]
        kept = sorted(self._contents.keys() & found)
        return added + gone + [f"{name} {change}" for name in kept if (change := self._change(name))]

    def _change(self, name: str) -> str:
        path = self.folder / name
        status = path.lstat()
        if path.is_symlink() or path.read_text(encoding="utf-8", errors="replace") != self._contents[name]:
            return "was changed"
        if status.st_mode & 0o7777 != 0o666 or status.st_uid != os.getuid():
            return "has another mode or owner"
        return "has another link to it" if status.st_nlink != 1 else ""

    def visitors(self) -> list[str]:
        """Return which of the sockets somebody reached since the last call."""
        sockets = {self._tcp: "TCP port", self._udp: "UDP port", self._unix: "abstract Unix socket"}
        reached, _, _ = select.select(list(sockets), [], [], 0)
        for listener in reached:
            if listener is self._udp:
                listener.recv(1 << 16)
            else:
                listener.accept()[0].close()
        return [f"the {sockets[listener]} was reached" for listener in reached]

    def fill(self, program: str) -> str:
        """Write the places into a program that names them `@DIR@`, `@PORT@`, `@UNIX@`, `@HOST_PID@`, `@PACKAGE@`."""
        places = {"DIR": self.folder, "PORT": self.port, "UNIX": self.unix, "HOST_PID": os.getpid(), "PACKAGE": PACKAGE}
        for name, place in places.items():
            program = program.replace(f"@{name}@", str(place))
        return program

    @contextmanager
    def in_environment(self, **more: str) -> Iterator[None]:
        """Set CANARY_DIR, CANARY_SECRET, CANARY_PORT and CANARY_UNIX, and more: nothing of it may get to a program."""
        values = {"DIR": str(self.folder), "SECRET": self.secret, "PORT": str(self.port), "UNIX": self.unix}
        names = {f"CANARY_{name}": value for name, value in values.items()} | more
        before = {name: os.environ.get(name) for name in names}
        os.environ.update(names)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value

    def close(self) -> None:
        """Remove the folder and close the sockets."""
        for listener in (self._tcp, self._udp, self._unix):
            listener.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _make_folder() -> Path:
    with suppress(FileExistsError):
        FOLDER.mkdir()
        return FOLDER
    return Path(tempfile.mkdtemp(prefix="staged-reward-canary-"))


def _listen() -> tuple[socket.socket, socket.socket]:
    """Listen for TCP and UDP on the same free port."""
    while True:
        tcp = socket.create_server(("127.0.0.1", 0))
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            udp.bind(tcp.getsockname())
        except OSError:  # taken for UDP
            tcp.close()
            udp.close()
            continue
        return tcp, udp
