"""Runs a program as a script, once per `stdio` test: compiled once, forked per test. Untrusted side.

The process that holds the compiled program runs none of it. Each fork gets the test's input as a real file on
descriptor 0 and a pipe as descriptor 1, runs the program as `__main__` and ends as an interpreter would: threads
joined, exit functions run, buffers flushed.
"""

from __future__ import annotations

import atexit
import os
import sys
import types
from typing import Any, NoReturn

from staged_reward.sandbox import codec, isolate
from staged_reward.sandbox.guest import UNPARSED, VALUE, compile_source, describe_error, make_module
from staged_reward.sandbox.supervise import Reason, supervise
from staged_reward.sandbox.wire import Wire, frame

MAX_STDERR_BYTES = 4000
_CHUNK = 1 << 16


class _Capture:
    """Collects what arrives on a pipe, up to a size."""

    def __init__(self, fd: int, max_bytes: int) -> None:
        self.fd = fd
        self.data = bytearray()
        self._max_bytes = max_bytes
        os.set_blocking(fd, False)

    def read_some(self) -> Reason | None:
        try:
            chunk = os.read(self.fd, _CHUNK)
        except BlockingIOError:
            return None
        self.data += chunk
        return Reason.OUTPUT if len(self.data) > self._max_bytes else None

    def drain(self) -> Reason | None:
        """Read what the pipe still holds, without waiting for processes that keep it open."""
        size = -1
        reason = None
        while size != len(self.data) and reason is None:
            size = len(self.data)
            reason = self.read_some()
        return reason


def run_scripts(
    wire: Wire,
    source: str,
    imports: str,
    num_inputs: int,
    cpu_seconds: float,
    wall_seconds: float,
    max_output_bytes: int,
) -> None:
    """Run the program on each input in turn. Each reply is [VALUE, reason, status, cpu seconds, stdout, stderr].

    The inputs come one by one: all of them at once would count against the memory of every run.
    """
    try:
        code = compile_source(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
        wire.send(frame(codec.encode([UNPARSED, *describe_error(error)])))
        return
    for _ in range(num_inputs):
        stdin = wire.receive()
        if stdin is None:
            return
        reply = _run_once(code, imports, stdin, cpu_seconds, wall_seconds, max_output_bytes)
        wire.send(frame(codec.encode(reply)))


def _run_once(
    code: types.CodeType, imports: str, stdin: bytes, cpu_seconds: float, wall_seconds: float, max_output_bytes: int
) -> list[Any]:
    stdin_fd, stderr_fd = os.memfd_create("stdin"), os.memfd_create("stderr")
    stdout_read, stdout_write = os.pipe()
    os.write(stdin_fd, stdin)
    os.lseek(stdin_fd, 0, os.SEEK_SET)
    pid = isolate.fork()
    if pid == 0:
        _become_script(code, imports, stdin_fd, stdout_write, stderr_fd)
    os.close(stdin_fd)
    os.close(stdout_write)
    capture = _Capture(stdout_read, max_output_bytes)
    ending = supervise(
        pid, cpu_seconds=cpu_seconds, wall_seconds=wall_seconds, watch_fd=stdout_read, on_ready=capture.read_some
    )
    reason = capture.drain() or ending.reason
    stderr_size = os.fstat(stderr_fd).st_size
    stderr = os.pread(stderr_fd, MAX_STDERR_BYTES, max(0, stderr_size - MAX_STDERR_BYTES))
    os.close(stdout_read)
    os.close(stderr_fd)
    return [VALUE, int(reason), ending.status, ending.cpu_seconds, bytes(capture.data[:max_output_bytes]), stderr]


def _become_script(code: types.CodeType, imports: str, stdin_fd: int, stdout_fd: int, stderr_fd: int) -> NoReturn:
    isolate.die_with_parent()
    for fd, standard in ((stdin_fd, 0), (stdout_fd, 1), (stderr_fd, 2)):
        os.dup2(fd, standard)
    os.closerange(3, 64)
    sys.stdin = sys.__stdin__ = _stream(0, "r", "surrogateescape")  # type: ignore[misc]
    sys.stdout = sys.__stdout__ = _stream(1, "w", "surrogateescape")  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _stream(2, "w", "replace")  # type: ignore[misc]
    os._exit(_exit_code(code, imports))


def _stream(fd: int, mode: str, errors: str) -> Any:
    return open(fd, mode, encoding="utf-8", errors=errors, closefd=False)


def _exit_code(code: types.CodeType, imports: str) -> int:
    status = 0
    try:
        module = make_module("__main__", imports)
        exec(code, module.__dict__)
    except SystemExit as error:
        status = _system_exit_code(error.code)
    except BaseException as error:  # noqa: BLE001  the program's error is its verdict
        status = _report(error)
    try:
        if "threading" in sys.modules:
            sys.modules["threading"]._shutdown()
        atexit._run_exitfuncs()
        module.__dict__.clear()  # files the program left open are flushed as they go
        sys.stdout.flush()
    except BaseException as error:  # noqa: BLE001  as above; a closed stdout is no error of its own
        status = status or (0 if isinstance(error, ValueError | BrokenPipeError) else _report(error))
    return status & 0xFF


def _system_exit_code(code: Any) -> int:
    if code is None or isinstance(code, int):
        return int(code or 0)
    os.write(2, str(code)[:MAX_STDERR_BYTES].encode(errors="replace"))
    return 1


def _report(error: BaseException) -> int:
    names, message = describe_error(error)
    os.write(2, f"{names[0]}: {message}".encode(errors="replace"))
    return 1
