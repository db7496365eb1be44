"""Landlock and seccomp here, beside two small libraries that were written apart from them."""

import errno
import functools
import os
import struct

import landlockpy
import pytest
import seccompy
from hypothesis import given, settings
from hypothesis import strategies as st
from landlockpy.flags import fs_for_abi, scope_for_abi
from seccompy.syscalls import AARCH64_SYSCALLS, X86_64_SYSCALLS

from staged_reward.isolation import kernel, landlock, seccomp
from staged_reward.isolation.landlock import Access
from staged_reward.isolation.scratch import MOUNT_FLAGS, UNMOUNT_FLAGS

TABLES = [seccomp.SCHEDULING, seccomp.DENIED, seccomp.ON_FILES, seccomp.UNCOUNTED_MEMORY]
BY_ARGUMENT = {
    "fcntl": seccomp._FCNTL,
    "prlimit64": seccomp._PRLIMIT64,
    "clone": seccomp._CLONE,
    "clone3": seccomp._CLONE3,
    "ioctl": seccomp._IOCTL,
    "socketpair": seccomp._SOCKETPAIR,
    "mount": seccomp._MOUNT,
    "umount2": seccomp._UMOUNT2,
}
YOUNGER_THAN_THE_ORACLE = {"open_tree_attr", "setxattrat", "removexattrat", "fchmodat2"}


@pytest.mark.parametrize(("index", "oracle"), [(0, X86_64_SYSCALLS), (1, AARCH64_SYSCALLS)], ids=["x86-64", "aarch64"])
def test_numbers_of_system_calls_are_those_of_the_oracle(index: int, oracle: dict[str, int]) -> None:
    ours = {name: numbers[index] for table in (*TABLES, BY_ARGUMENT) for name, numbers in table.items()}
    differing = {name: (number, oracle.get(name)) for name, number in ours.items() if number != oracle.get(name)}
    assert {name for name in differing if differing[name][1] is None} <= YOUNGER_THAN_THE_ORACLE
    assert {name: pair for name, pair in differing.items() if pair[1] is not None} == {}


def run_filter(program: list[seccomp.Instruction], number: int, arguments: tuple[int, ...]) -> int:
    """What the kernel's interpreter returns for a system call; accumulator and jumps only, as these filters use."""
    data = struct.pack("<iIQ6Q", number, seccomp._ARCHITECTURE[kernel.MACHINE], 0, *arguments)
    accumulator, at = 0, 0
    while True:
        operation, if_true, if_false, operand = program[at]
        at += 1
        if operation == 0x20:
            accumulator = struct.unpack_from("<I", data, operand)[0]
        elif operation == 0x54:
            accumulator &= operand
        elif operation == 0x06:
            return operand
        elif operation == 0x05:
            at += operand
        else:
            holds = {0x15: accumulator == operand, 0x35: accumulator >= operand, 0x25: accumulator > operand}
            holds[0x45] = bool(accumulator & operand)
            at += if_true if holds[operation] else if_false


def oracle_filter() -> list[seccomp.Instruction]:
    oracle = seccompy.Filter(default=seccompy.Action.ALLOW)
    known = X86_64_SYSCALLS if kernel.MACHINE == "x86_64" else AARCH64_SYSCALLS
    for table, number in (
        (seccomp.DENIED, errno.EPERM),
        (seccomp.UNCOUNTED_MEMORY, errno.EPERM),
        (seccomp.ON_FILES, 0),
        (seccomp.SCHEDULING, 0),
    ):
        for name in filter(known.__contains__, table):
            oracle.errno(name, number)
    equal, masked = seccompy.CmpOp.EQ, seccompy.CmpOp.MASKED_EQ
    for command in seccomp._SET_LOCK:
        oracle.errno("fcntl", 0, args=[seccompy.ArgCmp(1, equal, command)])
    oracle.errno("prlimit64", errno.EPERM, args=[seccompy.ArgCmp(0, seccompy.CmpOp.NE, 0)])
    oracle.allow("prlimit64", args=[seccompy.ArgCmp(2, equal, 0)])
    oracle.errno("prlimit64", 0, args=[seccompy.ArgCmp(1, equal, 3)])
    for bit in range(32):
        if seccomp._NEW_NAMESPACES >> bit & 1:
            oracle.errno("clone", errno.EPERM, args=[seccompy.ArgCmp(0, masked, 1 << bit, mask=1 << bit)])
    oracle.errno("clone3", errno.ENOSYS)
    for request in seccomp._TERMINAL_INPUT:
        oracle.errno("ioctl", errno.EPERM, args=[seccompy.ArgCmp(1, equal, request)])
    for kind in (1, 5):
        oracle.allow("socketpair", args=[seccompy.ArgCmp(1, masked, kind, mask=0xF)])
    oracle.errno("socketpair", errno.EPERM)
    oracle.allow("mount", args=[seccompy.ArgCmp(3, equal, MOUNT_FLAGS)])
    oracle.allow("umount2", args=[seccompy.ArgCmp(1, equal, UNMOUNT_FLAGS)])
    oracle.errno("mount", errno.EPERM)
    oracle.errno("umount2", errno.EPERM)
    code = oracle.program
    return [struct.unpack_from("=HBBI", code, at) for at in range(0, len(code), 8)]


OURS = seccomp._program([seccomp.DENIED, seccomp.UNCOUNTED_MEMORY], [seccomp.ON_FILES, seccomp.SCHEDULING])
ORACLE = oracle_filter()
TELLING = sorted(
    {0, 1, 2, 3, 5, MOUNT_FLAGS, UNMOUNT_FLAGS, *seccomp._TERMINAL_INPUT, *(1 << bit for bit in range(32))}
)
NUMBERS = sorted(
    {
        numbers[list(seccomp._ARCHITECTURE).index(kernel.MACHINE)]
        for table in (*TABLES, BY_ARGUMENT)
        for name, numbers in table.items()
        if name not in YOUNGER_THAN_THE_ORACLE
    }
    - {None}
)
ARGUMENT = st.sampled_from(TELLING) | st.integers(0, 2**32 - 1)


@settings(max_examples=2_000, deadline=None)
@given(number=st.sampled_from(NUMBERS) | st.integers(0, 440), arguments=st.tuples(*[ARGUMENT] * 6))
def test_filter_decides_as_the_oracle_does(number: int, arguments: tuple[int, ...]) -> None:
    assert run_filter(OURS, number, arguments) == run_filter(ORACLE, number, arguments)


def test_filter_is_not_empty_handed() -> None:
    ptrace = dict(X86_64_SYSCALLS if kernel.MACHINE == "x86_64" else AARCH64_SYSCALLS)["ptrace"]
    assert run_filter(OURS, ptrace, (0,) * 6) == 0x50000 | errno.EPERM
    assert run_filter(OURS, 0, (0,) * 6) == 0x7FFF0000


def test_landlock_rights_and_version_are_those_of_the_oracle() -> None:
    assert landlock.version() == landlockpy.abi_version()
    for abi in range(1, 8):
        assert int(landlock._known(abi)) == int(fs_for_abi(abi)) & int(~Access(0))
    for right in Access:
        assert getattr(landlockpy.AccessFS, right.name) == right


OPERATIONS = {
    "read": lambda folder: open(f"{folder}/file").close(),
    "write": lambda folder: open(f"{folder}/file", "r+").close(),
    "truncate": lambda folder: os.truncate(f"{folder}/file", 0),
    "make": lambda folder: open(f"{folder}/made", "w").close(),
    "list": os.listdir,
    "remove": lambda folder: os.unlink(f"{folder}/file"),
    "rename": lambda folder: os.rename(f"{folder}/file", f"{folder}/renamed"),
    "make a folder": lambda folder: os.mkdir(f"{folder}/inner"),
    "link": lambda folder: os.symlink("a", f"{folder}/link"),
    "execute": lambda folder: os.execv(f"{folder}/program", ["program"]),
    "signal": lambda folder: os.kill(os.getppid(), 0),
}


def errno_in_child(enforce, operation, folder: str) -> int:
    """The error that an operation meets in a process under a ruleset; 0 for none."""
    pid = os.fork()
    if pid == 0:
        try:
            kernel.no_new_privileges()
            enforce()
            operation(folder)
        except OSError as error:
            os._exit(error.errno)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.skipif(landlock.version() == 0, reason="this kernel has no Landlock")
@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("access", [landlock.READ, landlock.LIST, landlock.WRITE], ids=["read", "list", "write"])
def test_ruleset_allows_what_the_oracle_allows(tmp_path, name: str, access: Access) -> None:
    def enforce_ours(folder: str) -> None:
        ruleset = landlock.rules([(folder, access), ("/lib", landlock.READ), ("/lib64", landlock.READ)])
        kernel.perform([landlock.enforce(ruleset)])

    def enforce_oracle(folder: str) -> None:
        ruleset = landlockpy.Ruleset(scoped=scope_for_abi(landlock.version()))
        known = landlockpy.AccessFS(int(access) & int(fs_for_abi(landlock.version())))
        ruleset.allow_path(folder, known)
        for system in ("/lib", "/lib64"):
            ruleset.allow_path(system, landlockpy.AccessFS(int(landlock.READ)))
        ruleset.restrict()

    errors = []
    for number, enforce in enumerate((enforce_ours, enforce_oracle)):
        for place in ("inside", "outside"):
            folder, granted = tmp_path / f"{place}{number}", tmp_path / f"granted{number}"
            folder.mkdir()
            granted.mkdir(exist_ok=True)
            (folder / "file").write_text("x")
            (folder / "program").write_bytes(b"#!/bin/true\n")
            (folder / "program").chmod(0o755)
            where = str(folder if place == "inside" else granted)
            errors.append(errno_in_child(functools.partial(enforce, where), OPERATIONS[name], str(folder)))
    assert errors[:2] == errors[2:]
