"""Runs a program as a script, once per `stdio` test: compiled once, forked per test. Untrusted side.

The process that holds the compiled program runs none of it, and the runs are kept from it as from all others. Each
finds the test's input as a real file on descriptor 0, writes to files on descriptors 1 and 2, runs the program as
`__main__` and ends as an interpreter would: threads joined, exit functions run, buffers flushed. All that can be made
before the fork is: in a fresh fork, every page that is touched first costs more than most of what the program does.
"""

from __future__ import annotations

import atexit
import io
import os
import sys
import types
from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

from staged_reward.isolation import kernel
from staged_reward.isolation.cell import Cell
from staged_reward.sandbox import codec
from staged_reward.sandbox.guest import UNPARSED, VALUE, Code, code_of, describe_error, make_module
from staged_reward.sandbox.supervise import Bounds, Reason, bounds_of, supervise
from staged_reward.sandbox.wire import Wire, frame

MAX_STDERR_BYTES = 4000
_CLOSE_ALL = [kernel.close_from(3)]
_STREAMS: list[Any] = []
"""The first standard output and error: a program may put others in their place and still have text in these."""


def serve(wire: Wire, cell: Cell, files: Sequence[int]) -> None:
    """Do the one operation of a judge of scripts.

    Args:
        wire: To the judge.
        cell: What each run is put into.
        files: Three files in memory, for the standard streams.
    """
    first = wire.receive()
    if first is None:
        return
    program, imports, num_inputs, *limits = codec.decode(first)
    run_scripts(wire, cell, files, program, imports, num_inputs, _Limits(*limits))


class _Limits(NamedTuple):
    """What one run may use."""

    cpu_seconds: float
    wall_seconds: float
    memory_mib: int
    num_processes: int
    max_output_bytes: int


def run_scripts(
    wire: Wire,
    cell: Cell,
    files: Sequence[int],
    program: Code,
    imports: Code,
    num_inputs: int,
    limits: _Limits,
) -> None:
    """Run the program on each input in turn. Each reply is [VALUE, reason, status, cpu seconds, stdout, stderr].

    The inputs come one by one: all of them at once would count against the memory of every run.
    """
    try:
        code = code_of(program)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
        wire.send(frame(codec.encode([UNPARSED, *describe_error(error)])))
        return
    _open_standard_files(files)
    module = make_module("__main__", imports)
    bounds = bounds_of(
        cell,
        limits.cpu_seconds,
        limits.wall_seconds,
        limits.memory_mib,
        limits.num_processes,
        can_kill_all=cell.guest_is_alone(),
    )
    for _ in range(num_inputs):
        stdin = wire.receive()
        if stdin is None:
            return
        wire.send(frame(codec.encode(_run_once(code, module, stdin, cell, bounds, limits.max_output_bytes))))


def _open_standard_files(files: Sequence[int]) -> None:
    """Put the files on descriptors 0 to 2; every run finds them empty but for its input."""
    for fd, file in enumerate(files):
        os.dup2(file, fd)
        os.close(file)
    sys.stdin = sys.__stdin__ = _stream(0, "r", "surrogateescape")  # type: ignore[misc]
    sys.stdout = sys.__stdout__ = _stream(1, "w", "surrogateescape")  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _stream(2, "w", "replace")  # type: ignore[misc]
    _STREAMS[:] = sys.stdout, sys.stderr


def _stream(fd: int, mode: str, errors: str) -> Any:
    return open(fd, mode, encoding="utf-8", errors=errors, closefd=False)


def _run_once(
    code: types.CodeType, module: types.ModuleType, stdin: bytes, cell: Cell, bounds: Bounds, max_output_bytes: int
) -> list[Any]:
    for fd in (0, 1, 2):
        os.ftruncate(fd, 0)
        os.lseek(fd, 0, os.SEEK_SET)
    os.pwrite(0, stdin, 0)
    num_killed = cell.num_killed()
    pid = kernel.fork()
    if pid == 0:
        _become_script(code, module, cell)
    ending = supervise(pid, bounds)
    reason = ending.reason
    if reason is Reason.EXITED and os.WIFSIGNALED(ending.status) and cell.num_killed() != num_killed:
        reason = Reason.MEMORY
    size = os.fstat(1).st_size
    if size > max_output_bytes:
        reason = Reason.OUTPUT
    stdout = os.pread(1, min(size, max_output_bytes), 0)
    stderr = os.pread(2, MAX_STDERR_BYTES, max(0, os.fstat(2).st_size - MAX_STDERR_BYTES))
    return [VALUE, int(reason), ending.status, ending.cpu_seconds, stdout, stderr]


def _become_script(code: types.CodeType, module: types.ModuleType, cell: Cell) -> NoReturn:
    cell.confine()
    kernel.perform(_CLOSE_ALL)
    os._exit(_exit_code(code, module))


def _exit_code(code: types.CodeType, module: types.ModuleType) -> int:
    status = 0
    try:
        exec(code, module.__dict__)
    except SystemExit as error:
        status = _system_exit_code(error.code)
    except BaseException as error:  # noqa: BLE001  the program's error is its verdict
        status = _report(error)
    try:
        if "threading" in sys.modules:
            sys.modules["threading"]._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()  # it may be the program's own, and need the program's names
        module.__dict__.clear()  # files the program left open are flushed as they go
        for stream in (*_STREAMS, *([sys.stdout] if type(sys.stdout) is io.TextIOWrapper else [])):
            stream.flush()
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
