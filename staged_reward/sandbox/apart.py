"""A part of the judging in a process of its own. Trusted side.

Test code and checks are arbitrary Python on values that a program chose: `2 ** f(1)`, `set(f(1))` and `[0] * f(1)` can
take for ever inside one C loop, which no signal handler interrupts, or all memory. So they run in a fork of the judge,
which the kernel ends at a limit, and nothing that they change in the interpreter outlives them.

A value that a program chose must not act on this machine either: `os.remove(f(1))`, `pickle.loads(f(1))`. An audit hook
refuses files to be written, processes, connections and unpickled classes.
"""

from __future__ import annotations

import gc
import math
import os
import resource
import select
import signal
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any, NoReturn

from staged_reward.errors import InfraError
from staged_reward.isolation import kernel
from staged_reward.problem import Verdict
from staged_reward.sandbox import codec
from staged_reward.sandbox.wire import Wire, frame

MEMORY_MIB = 1024  # beyond what the judge itself takes
SPARE_SECONDS = 0.25  # of CPU time, for what the limits inside the fork do before the kernel's
_CHUNK = 1 << 16
_PAGE_BYTES = resource.getpagesize()

_MESSAGE, _RAISED, _DONE = range(3)
_OUT_OF_MEMORY = 3  # exit status

# Audit events of Python that test code and checks have no business with.
_REFUSED = frozenset({
    "ctypes.dlopen", "ctypes.dlsym", "os.chmod", "os.chown", "os.exec", "os.fork", "os.forkpty", "os.kill", "os.killpg",
    "os.link", "os.mkdir", "os.posix_spawn", "os.remove", "os.removexattr", "os.rename", "os.rmdir", "os.setxattr",
    "os.symlink", "os.system", "os.truncate", "os.utime", "pickle.find_class", "shutil.chown", "shutil.copyfile",
    "shutil.make_archive", "shutil.move", "shutil.rmtree", "shutil.unpack_archive", "socket.bind", "socket.connect",
    "socket.sendmsg", "socket.sendto", "subprocess.Popen", "urllib.Request", "webbrowser.open",
})  # fmt: skip
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class ApartError(BaseException):
    """The part did not come to its end, and what the program had sent is why.

    Attributes:
        verdict: What that makes of the program.
        detail: How it ended.
    """

    def __init__(self, verdict: Verdict, detail: str) -> None:
        super().__init__(verdict, detail)
        self.verdict, self.detail = verdict, detail


def run_apart(
    work: Callable[[Callable[[Any], None]], None],
    take: Callable[[Any], None],
    *,
    cpu_seconds: float,
    wall_seconds: float,
    raises: tuple[type[BaseException], ...] = (),
) -> None:
    """Run `work` in a fork of this process.

    Args:
        work: Called in the fork, with a function that sends plain data to this process.
        take: Called here with each piece of data.
        cpu_seconds: CPU limit of the fork, rounded up.
        wall_seconds: Backstop.
        raises: Exceptions of plain arguments that are raised here when `work` raises them.

    Raises:
        ApartError: It ran into a limit, or crashed.
        InfraError: It could not be started, or was killed from outside.
    """
    limits = _limits(cpu_seconds)
    read_end, write_end = os.pipe()
    try:
        pid = _fork()
    except OSError as error:
        os.close(read_end)
        os.close(write_end)
        raise InfraError(f"the judge cannot fork: {error}") from error
    if pid == 0:
        os.close(read_end)
        _become_part(work, Wire(write_end), cpu_seconds, limits, raises)
    os.close(write_end)
    is_over = False
    try:
        for kind, *rest in _frames(read_end, time.monotonic() + wall_seconds):
            if kind == _MESSAGE:
                take(rest[0])
            elif kind == _RAISED:
                number, arguments = rest
                raise raises[number](*arguments)
            else:
                is_over = True
    except TimeoutError:
        raise ApartError(Verdict.TIMEOUT, "judging its results did not end") from None
    finally:
        os.close(read_end)
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
    if not is_over:
        raise _error_of(status)


def _fork() -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a thread that only waits holds no lock
        return os.fork()


def _frames(fd: int, deadline: float) -> Any:
    """Yield what comes in frames until the end.

    Raises:
        TimeoutError: It does not come in time.
    """
    buffer = bytearray()
    poller = select.poll()
    poller.register(fd, select.POLLIN)
    while True:
        if not poller.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise TimeoutError
        chunk = os.read(fd, _CHUNK)
        if not chunk:
            return
        buffer += chunk
        while len(buffer) >= 4 and len(buffer) >= (end := 4 + int.from_bytes(buffer[:4], "big")):
            yield codec.decode(bytes(buffer[4:end]))
            del buffer[:end]


def _become_part(
    work: Callable[[Callable[[Any], None]], None],
    wire: Wire,
    cpu_seconds: float,
    limits: list[tuple[int, tuple[int, int]]],
    raises: tuple[type[BaseException], ...],
) -> NoReturn:
    try:
        kernel.perform([kernel.die_with_parent(signal.SIGKILL)])
        os.chdir("/")  # what lies in the user's folder must not decide a test
        gc.freeze()  # a collection would touch, and so copy, every page of the judge
        for kind, limit in limits:
            resource.setrlimit(kind, limit)
        signal.setitimer(signal.ITIMER_VIRTUAL, cpu_seconds + SPARE_SECONDS)  # the kernel's limit is in whole seconds
        sys.addaudithook(_refuse)
        try:
            work(lambda value: wire.send(frame(codec.encode([_MESSAGE, value]))))
            last: list[Any] = [_DONE]
        except raises as error:
            last = [_RAISED, raises.index(type(error)), list(error.args)]
        wire.send(frame(codec.encode(last)))
    except MemoryError:
        os._exit(_OUT_OF_MEMORY)
    except BaseException:  # noqa: BLE001  a fault of ours: shown, and told by the exit status
        sys.__excepthook__(*sys.exc_info())
        os._exit(1)
    os._exit(0)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _REFUSED:
        raise PermissionError(f"a test cannot do this where it is judged: {event}")
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING and type(arguments[0]) is not int:
        raise PermissionError("a test cannot write files where it is judged")


def _limits(cpu_seconds: float) -> list[tuple[int, tuple[int, int]]]:
    """Return the arguments of `setrlimit`, for a fork of this process; made before it, where no page is copied for it."""
    fd = os.open("/proc/self/statm", os.O_RDONLY)
    size = int(os.read(fd, 100).split()[0]) * _PAGE_BYTES
    os.close(fd)
    limits = []
    for kind, limit in (
        (resource.RLIMIT_AS, size + (MEMORY_MIB << 20)),
        (resource.RLIMIT_CPU, math.ceil(cpu_seconds + 4 * SPARE_SECONDS)),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        limits.append((kind, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard)))
    return limits


def _error_of(status: int) -> BaseException:
    """What the end of a part that had not come to its end says."""
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    if number in (signal.SIGXCPU, signal.SIGVTALRM, signal.SIGALRM):
        return ApartError(Verdict.TIMEOUT, "judging its results took too long")
    if not number and os.WEXITSTATUS(status) == _OUT_OF_MEMORY:
        return ApartError(Verdict.MEMORY_LIMIT, "judging its results took too much memory")
    if number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE):
        return ApartError(Verdict.CRASHED, "judging its results crashed")
    if number:
        return InfraError(f"the judge was ended by signal {number}")
    return InfraError(f"the judge ended with status {os.WEXITSTATUS(status)}; its error is on stderr")
