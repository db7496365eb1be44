"""The mechanisms, what each stops, and the levels they add up to. Data, and questions about it."""

from __future__ import annotations

from collections.abc import Collection
from enum import IntEnum, StrEnum
from typing import NamedTuple

from staged_reward.errors import InputError, nearest


class Layer(StrEnum):
    """A mechanism that a machine may or may not offer. Those that every Linux has are always in force."""

    UID = "uid"
    USER = "user"
    MOUNT = "mount"
    PID = "pid"
    NETWORK = "network"
    IPC = "ipc"
    UTS = "uts"
    LANDLOCK = "landlock"
    SECCOMP = "seccomp"
    CGROUP = "cgroup"


ALL = frozenset(Layer)
FILES_AND_PROCESSES = frozenset({Layer.MOUNT, Layer.PID})  # /proc ties the two together
NAMESPACES = frozenset({Layer.USER, Layer.NETWORK, Layer.IPC, Layer.UTS}) | FILES_AND_PROCESSES

# Mechanism → what it is, for people.
DESCRIPTIONS = {
    Layer.UID: "a user of its own for every sandbox (needs root)",
    Layer.USER: "a user namespace, in which the namespaces below need no root (not used as root)",
    Layer.MOUNT: "a file system of its own: interpreter, packages and system libraries, read-only; scratch in memory",
    Layer.PID: "a PID namespace: it sees its own processes only, and one signal ends all of them",
    Layer.NETWORK: "a network namespace without interfaces",
    Layer.IPC: "an IPC namespace: shared memory, semaphores, queues",
    Layer.UTS: "a host name of its own",
    Layer.LANDLOCK: "Landlock: files by rule, no TCP, no signals and no tracing beyond the program",
    Layer.SECCOMP: "seccomp: no sockets, no namespaces, mounts, tracing, keyrings, io_uring, bpf and their like",
    Layer.CGROUP: "a control group: memory of all processes together, pipes and files in memory included",
}
ALWAYS = "limits of CPU, memory, files and output; no new privileges; no capabilities; no open files; clean environment"


class Threat(NamedTuple):
    """What a hostile program may try, and the sets of layers each of which stops it. No set: nothing does."""

    text: str
    stopped_by: tuple[frozenset[Layer], ...]

    def is_stopped(self, active: Collection[Layer]) -> bool:
        """Whether one of the sets is active as a whole."""
        return any(layers.issubset(active) for layers in self.stopped_by)


def _any(*sets: Collection[Layer]) -> tuple[frozenset[Layer], ...]:
    return tuple(map(frozenset, sets))


_L = Layer
WRITE = Threat("write, move or remove files outside the scratch folder", _any({_L.MOUNT}, {_L.LANDLOCK}))
READ = Threat("read this user's files, tests among them", _any({_L.MOUNT}, {_L.LANDLOCK}))
ATTRIBUTES = Threat("change modes, owners and times of this user's files", _any({_L.MOUNT}, {_L.UID}, {_L.SECCOMP}))
SIGNAL = Threat("signal, stop or trace other processes, read their memory", _any({_L.PID}, {_L.UID}, {_L.LANDLOCK}))
NETWORK = Threat("reach the network", _any({_L.NETWORK}, {_L.SECCOMP}))
SOCKETS = Threat("reach a service over a socket in the file system", _any({_L.MOUNT}, {_L.SECCOMP}))
NAMES = Threat("learn which files exist", _any({_L.MOUNT}))
COMMANDS = Threat("read the command lines of other processes", _any({_L.PID}, {_L.LANDLOCK}))
IPC = Threat("leave shared memory, semaphores or queues", _any({_L.IPC}, {_L.SECCOMP}))
KERNEL = Threat("reach keyrings, io_uring, bpf, user namespaces", _any({_L.SECCOMP}))
DISK = Threat("fill the disk", _any({_L.MOUNT}))
PROCESSES = Threat("start more processes than its limit", _any({_L.UID}, {_L.USER}))
MEMORY = Threat("use more memory than its limit, by many processes, pipes or files in memory", _any({_L.CGROUP}))
BEYOND = Threat("exploit a fault of the kernel, measure timing, heat the processor", ())

THREATS = (
    WRITE, READ, ATTRIBUTES, SIGNAL, NETWORK, SOCKETS, NAMES, COMMANDS, IPC, KERNEL, DISK, PROCESSES, MEMORY, BEYOND,
)  # fmt: skip


class Level(IntEnum):
    """How much is stopped."""

    NONE = 0
    CONFINED = 1
    CONTAINED = 2
    FULL = 3


_STOPPED_AT = {
    Level.CONFINED: (WRITE, READ, ATTRIBUTES, SIGNAL, NETWORK, SOCKETS),
    Level.CONTAINED: (NAMES, COMMANDS, IPC, KERNEL, DISK, PROCESSES),
    Level.FULL: (MEMORY,),
}
LEVEL_TEXTS = {
    Level.NONE: "limits and a process of its own; a program has this user's rights",
    Level.CONFINED: "files, other processes and the network are out of reach",
    Level.CONTAINED: "and the machine is out of sight; disk and processes are bounded",
    Level.FULL: "and memory is bounded over all processes of a program",
}


def level_of(active: Collection[Layer]) -> Level:
    """Return the level that these layers add up to."""
    reached = Level.NONE
    for level, threats in _STOPPED_AT.items():
        if not all(threat.is_stopped(active) for threat in threats):
            break
        reached = level
    return reached


def parse_level(name: str) -> Level:
    """Return the level of this name.

    Raises:
        InputError: There is none.
    """
    names = [level.name.lower() for level in Level]
    if name not in names:
        raise InputError(f"isolation level {name!r} does not exist{nearest(name, names)}")
    return Level[name.upper()]


def parse_layers(names: Collection[str]) -> frozenset[Layer]:
    """Return the layers of these names.

    Raises:
        InputError: There is no such layer.
    """
    for name in names:
        if name not in list(Layer):
            raise InputError(f"isolation layer {name!r} does not exist{nearest(name, map(str, Layer))}")
    return frozenset(map(Layer, names))
