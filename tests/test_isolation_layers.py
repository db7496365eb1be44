"""Each layer, alone with what it needs, stops what `layers` says that it stops; without it, the same program succeeds."""

# ruff: noqa: E501  a program stands on one line

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from staged_reward.errors import InputError
from staged_reward.isolation import layers as names
from staged_reward.isolation.layers import ALL, THREATS, Layer, Level, Threat, level_of, parse_layers, parse_level
from staged_reward.limits import Limits
from staged_reward.problem import CallTest, Problem, Verdict
from staged_reward.sandbox.host import ForkServer
from staged_reward.sandbox.judge import run_suite
from staged_reward.sandbox.suite import Suite

LIMITS = Limits(cpu_seconds=2.0, wall_seconds=4.0, memory_mib=256, num_processes=8)

# What a program does to carry out a threat; `f` returns True where it succeeded, or raises.
PROGRAMS = {
    names.WRITE: "def f():\n    open('{folder}/made', 'w').write('x')\n    return True",
    names.READ: "def f(): return open('{folder}/secret').read() == 'secret'",
    names.ATTRIBUTES: "import os\ndef f():\n    os.chmod('{folder}/secret', 0o640)\n    return True",
    names.SIGNAL: "import os\ndef f():\n    os.kill({victim}, 0)\n    return True",
    names.NETWORK: "import socket\ndef f(): return socket.create_connection(('127.0.0.1', {port}), 1) is not None",
    names.SOCKETS: "import socket\ndef f():\n    socket.socket(socket.AF_UNIX).connect('{folder}/socket')\n    return True",
    names.NAMES: "import os\ndef f(): return os.path.exists('{folder}/secret')",
    names.COMMANDS: "def f(): return b'sleep' in open('/proc/{victim}/cmdline', 'rb').read()",
    names.IPC: "import ctypes\ndef f(): return ctypes.CDLL(None).shmget({key}, 4096, 0o1600) >= 0",
    names.KERNEL: "import ctypes\ndef f(): return ctypes.CDLL(None).syscall({keyctl}, 0, -3, 1) >= 0",
    names.DISK: "def f():\n    for i in range(6): open(str(i), 'wb').write(bytes(1 << 20))\n    return True",
    names.PROCESSES: "import os, time\ndef f():\n    for _ in range(40):\n        if os.fork() == 0: time.sleep(3)\n    return True",
    names.MEMORY: "import os, time\ndef f():\n    done, tell = os.pipe()\n    for _ in range(4):\n        if os.fork() == 0:\n            a = bytearray(150 << 20)\n            a[::4096] = b'1' * len(a[::4096])\n            os.write(tell, b'1')\n            time.sleep(3)\n    os.close(tell)\n    return all(os.read(done, 1) for _ in range(4))",
}  # fmt: skip
KEYCTL = {"x86_64": 250, "aarch64": 219}
# As root, a sandbox's own user can read an interpreter in a closed folder only by way of a file system of its own.
NEEDED = {Layer.UID: {Layer.MOUNT, Layer.PID}, Layer.MOUNT: {Layer.PID}, Layer.PID: {Layer.MOUNT}}
USER_NAMESPACE = {Layer.USER, Layer.IPC}
CASES = [(threat, stoppers) for threat in THREATS for stoppers in threat.stopped_by]


@pytest.fixture(scope="module")
def surroundings() -> Iterator[dict[str, object]]:
    """A folder of this user's with a secret and a listening socket, a port, a process."""
    victim = subprocess.Popen(["sleep", "300"])
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as listener:
        os.chmod(folder, 0o777)
        Path(folder, "secret").write_text("secret")
        os.chmod(f"{folder}/secret", 0o644)
        with socket.socket(socket.AF_UNIX) as unix:
            unix.bind(f"{folder}/socket")
            os.chmod(f"{folder}/socket", 0o777)
            unix.listen()
            yield {
                "folder": folder,
                "port": listener.getsockname()[1],
                "victim": victim.pid,
                "key": 0x5EED0000 + os.getpid() % 0xFFFF,
                "keyctl": KEYCTL[os.uname().machine],
            }
    victim.kill()
    victim.wait()


def succeeds(threat: Threat, layers: frozenset[Layer], surroundings: dict[str, object]) -> bool:
    server = ForkServer(layers, scratch_mib=4)
    try:
        if server.layers != layers:
            pytest.skip(f"this machine: {server.missing}")
        program = PROGRAMS[threat].format(**surroundings)
        problem = Problem(task_id="t", entry_point="f", tests=(CallTest((), expected=True),))
        outcome = run_suite(server, Suite.of(problem), program, LIMITS)
        assert outcome.verdict is not Verdict.INFRA_ERROR
        if threat is names.ATTRIBUTES:  # seccomp lets the call report success
            return os.stat(f"{surroundings['folder']}/secret").st_mode & 0o777 == 0o640
        if threat is names.IPC:
            return f"{surroundings['key']}" in Path("/proc/sysvipc/shm").read_text()
        return outcome.verdict is Verdict.PASSED
    finally:
        server.close()
        os.chmod(f"{surroundings['folder']}/secret", 0o644)
        with contextlib.suppress(subprocess.CalledProcessError):
            if threat is names.IPC:
                subprocess.run(["ipcrm", "-M", str(surroundings["key"])], capture_output=True, check=True)


def with_what_they_need(stoppers: frozenset[Layer]) -> frozenset[Layer]:
    needed = frozenset(layer for stopper in stoppers for layer in NEEDED.get(stopper, ()))
    layers = stoppers | needed
    if os.getuid() != 0 and layers & names.NAMESPACES:
        layers |= {Layer.USER}
    if layers == {Layer.USER}:
        layers |= USER_NAMESPACE
    return layers


@pytest.mark.parametrize(("threat", "stoppers"), CASES, ids=[f"{t.text[:28]}-{'+'.join(sorted(s))}" for t, s in CASES])
def test_layer_stops_what_it_is_said_to_stop(surroundings, threat: Threat, stoppers: frozenset[Layer]) -> None:
    if threat is names.PROCESSES and Layer.USER in stoppers and os.getuid() == 0:
        pytest.skip("root has a user of its own for this")
    assert not succeeds(threat, with_what_they_need(stoppers), surroundings)


@pytest.mark.parametrize("threat", PROGRAMS, ids=[threat.text[:40] for threat in PROGRAMS])
def test_program_carries_out_the_threat_where_no_layer_is(surroundings, threat: Threat) -> None:
    if threat in (names.MEMORY, names.PROCESSES):
        pytest.skip("where the kernel does not bound it the sandbox looks at it, which also ends this program")
    assert succeeds(threat, frozenset(), surroundings)


@pytest.mark.parametrize("threat", PROGRAMS, ids=[threat.text[:40] for threat in PROGRAMS])
def test_all_layers_together_stop_every_threat(surroundings, threat: Threat) -> None:
    server = ForkServer()
    layers = server.layers
    server.close()
    if not threat.is_stopped(layers):
        pytest.skip(f"not by {sorted(layers)}")
    assert not succeeds(threat, layers, surroundings)


def test_every_threat_but_those_beyond_a_sandbox_has_a_program() -> None:
    assert {threat for threat in THREATS if threat.stopped_by} == set(PROGRAMS)
    assert names.BEYOND not in PROGRAMS


def test_levels_follow_from_the_threats() -> None:
    assert level_of(ALL) is Level.FULL
    assert level_of(ALL - {Layer.CGROUP}) is Level.CONTAINED
    assert level_of({Layer.LANDLOCK, Layer.SECCOMP}) is Level.CONFINED
    assert level_of({Layer.LANDLOCK}) is level_of({Layer.SECCOMP}) is level_of(()) is Level.NONE
    assert level_of({Layer.MOUNT, Layer.PID, Layer.NETWORK, Layer.USER, Layer.IPC, Layer.UTS}) is Level.CONFINED


def test_unknown_names_are_refused_with_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'confined'"):
        parse_level("confind")
    with pytest.raises(InputError, match="did you mean 'landlock'"):
        parse_layers(["landlok"])
    assert parse_level("none") is Level.NONE
    assert parse_layers(["pid", "uid"]) == {Layer.PID, Layer.UID}
