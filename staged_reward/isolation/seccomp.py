"""seccomp: the system calls that a program has no business with fail with EPERM, or do nothing.

A deny list, behind the other mechanisms: an allow list breaks numpy and newer C libraries. It is enforced once, in the
fork server, and holds for all its descendants; so what the fork server itself needs, it leaves (one form of `mount`).
Not covered: the file system, signals. Sources: the kernel's include/uapi/linux/{seccomp,filter,audit}.h and its tables
of system calls.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Iterator, Sequence

from staged_reward.isolation import kernel
from staged_reward.isolation.scratch import MOUNT_FLAGS, UNMOUNT_FLAGS

_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_SECCOMP = {"x86_64": 317, "aarch64": 277}
_SET_FILTER = 1
_X32_BIT = 0x40000000  # x86-64's second table of system calls, which no Python uses

_LOAD, _AND, _IF_EQUAL, _IF_AT_LEAST, _IF_ANY_BIT, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _FAIL = 0x7FFF0000, 0x80000000, 0x00050000
_NO_ERROR, _EPERM, _ENOSYS = 0, 1, 38
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16

Numbers = tuple[int | None, int | None]
"""Of one system call, on x86-64 and aarch64; None where an architecture does not have it."""
Table = dict[str, Numbers]

# fmt: off
DENIED: Table = {
    # other processes' memory and descriptors
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "process_madvise": (440, 440), "pidfd_getfd": (438, 438), "migrate_pages": (256, 238), "move_pages": (279, 239),
    # parts of the kernel that programs attack it through
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219), "bpf": (321, 280),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "perf_event_open": (298, 241), "userfaultfd": (323, 282), "fanotify_init": (300, 262), "modify_ldt": (154, None),
    "personality": (135, 92), "uselib": (134, None), "lookup_dcookie": (212, 18), "memfd_secret": (447, 447),
    # namespaces and mounts
    "unshare": (272, 97), "setns": (308, 268), "pivot_root": (155, 41), "chroot": (161, 51), "open_tree": (428, 428),
    "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433),
    "mount_setattr": (442, 442), "open_tree_attr": (467, 467), "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    # the machine
    "swapon": (167, 224), "swapoff": (168, 225), "reboot": (169, 142), "sethostname": (170, 161),
    "setdomainname": (171, 162), "iopl": (172, None), "ioperm": (173, None), "init_module": (175, 105),
    "delete_module": (176, 106), "finit_module": (313, 273), "kexec_load": (246, 104), "kexec_file_load": (320, 294),
    "acct": (163, 89), "quotactl": (179, 60), "quotactl_fd": (443, 443), "settimeofday": (164, 170),
    "clock_settime": (227, 112), "adjtimex": (159, 171), "clock_adjtime": (305, 266), "syslog": (103, 116),
    "vhangup": (153, 58),
    # shared memory, semaphores and queues that outlive a process
    "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195), "semget": (64, 190), "semop": (65, 193),
    "semctl": (66, 191), "semtimedop": (220, 192), "msgget": (68, 186), "msgsnd": (69, 189), "msgrcv": (70, 188),
    "msgctl": (71, 187), "mq_open": (240, 180), "mq_unlink": (241, 181),
    # sockets; asyncio and multiprocessing make do with `socketpair`
    "socket": (41, 198), "bind": (49, 200), "connect": (42, 203), "listen": (50, 201), "accept": (43, 202),
    "accept4": (288, 242),
}
# Landlock does not see these: they change files of the same user anywhere. They do nothing and report success, as honest
# programs call them for files of their own (`shutil.copy`) and seldom look at the outcome.
ON_FILES: Table = {
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "chown": (92, None),
    "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54), "utime": (132, None), "utimes": (235, None),
    "futimesat": (261, None), "utimensat": (280, 88), "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7),
    "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16), "setxattrat": (463, 463),
    "removexattrat": (466, 466),
}
# Memory that no limit of a process sees.
UNCOUNTED_MEMORY: Table = {"memfd_create": (319, 279)}

# Which core a program has, and when, is not its own to say; nor is when the machine writes to its disks. They do nothing and
# report success.
SCHEDULING: Table = {
    "sched_setaffinity": (203, 122), "sched_setscheduler": (144, 119), "sched_setparam": (142, 118),
    "sched_setattr": (314, 274), "setpriority": (141, 140), "ioprio_set": (251, 30), "sync": (162, 81),
    "syncfs": (306, 267),
}
# fmt: on
_PRLIMIT64, _RLIMIT_STACK = (302, 261), 3
_FCNTL, _SET_LOCK = (72, 25), (6, 7, 37, 38)  # F_SETLK, F_SETLKW, and the same for open file descriptions
_CLONE, _CLONE3, _IOCTL, _SOCKETPAIR, _MOUNT, _UMOUNT2 = (
    (56, 220),
    (435, 435),
    (16, 29),
    (53, 199),
    (165, 40),
    (166, 39),
)
_NEW_NAMESPACES = 0x7E020000
_TERMINAL_INPUT = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX
_SOCKET_TYPE_MASK, _STREAM, _SEQPACKET = 0xF, 1, 5  # a datagram socket of a pair could still send to any other

# operation, instructions to skip if true, and if false, operand
Instruction = tuple[int, int, int, int]


def enforce(denied: Sequence[Table], pretended: Sequence[Table]) -> None:
    """Put this process and its descendants under the filter. Needs `no_new_privileges`.

    Args:
        denied: What fails, besides the calls for which that depends on their arguments.
        pretended: What does nothing and reports success.

    Raises:
        OSError: The kernel has no seccomp, or not for this architecture.
    """
    if kernel.MACHINE not in _ARCHITECTURE:
        raise OSError(f"no table of system calls for {kernel.MACHINE}")
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in _program(denied, pretended))
    filters = ctypes.create_string_buffer(code, len(code))
    program = ctypes.create_string_buffer(struct.pack("@HP", len(code) // 8, ctypes.addressof(filters)))
    kernel.syscall(_SECCOMP[kernel.MACHINE], _SET_FILTER, 0, program)


def _program(denied: Sequence[Table], pretended: Sequence[Table]) -> list[Instruction]:
    program = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_IF_EQUAL, 1, 0, _ARCHITECTURE[kernel.MACHINE]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER_AT),
        (_IF_AT_LEAST, 0, 1, _X32_BIT),
        (_RETURN, 0, 0, _FAIL | _EPERM),
    ]
    always = [(numbers, [(_RETURN, 0, 0, _FAIL | _EPERM)]) for table in denied for numbers in table.values()]
    always += [(numbers, [(_RETURN, 0, 0, _FAIL | _NO_ERROR)]) for table in pretended for numbers in table.values()]
    for numbers, block in [*always, *_by_argument()]:
        number = _here(numbers)
        if number is not None:
            program += [(_IF_EQUAL, 0, len(block), number), *block]
    return [*program, (_RETURN, 0, 0, _ALLOW)]


def _here(numbers: Numbers) -> int | None:
    return numbers[list(_ARCHITECTURE).index(kernel.MACHINE)]


def _by_argument() -> Iterator[tuple[Numbers, list[Instruction]]]:
    fail, allow = (_RETURN, 0, 0, _FAIL | _EPERM), (_RETURN, 0, 0, _ALLOW)
    pretend = (_RETURN, 0, 0, _FAIL | _NO_ERROR)
    # a process that ends with many locks, held many times, takes seconds to do so
    yield _FCNTL, [_argument(1), *((_IF_EQUAL, 0, 1, n) if i else pretend for n in _SET_LOCK for i in (1, 0)), allow]
    yield (  # of this process only; a larger stack, which contest programs ask for, is granted in word
        _PRLIMIT64,
        [
            _argument(0),
            (_IF_EQUAL, 1, 0, 0),
            fail,
            _argument(1),
            (_IF_EQUAL, 0, 3, _RLIMIT_STACK),
            _argument(2),
            (_IF_EQUAL, 1, 0, 0),
            pretend,
            allow,
        ],
    )
    yield _CLONE, [_argument(0), (_IF_ANY_BIT, 1, 0, _NEW_NAMESPACES), allow, fail]
    yield _CLONE3, [(_RETURN, 0, 0, _FAIL | _ENOSYS)]  # its flags are out of sight; C libraries then use `clone`
    yield _IOCTL, [_argument(1), *((_IF_EQUAL, 0, 1, n) if i else fail for n in _TERMINAL_INPUT for i in (1, 0)), allow]
    yield (
        _SOCKETPAIR,
        [
            _argument(1),
            (_AND, 0, 0, _SOCKET_TYPE_MASK),
            (_IF_EQUAL, 2, 0, _STREAM),
            (_IF_EQUAL, 1, 0, _SEQPACKET),
            fail,
            allow,
        ],
    )
    yield _MOUNT, [_argument(3), (_IF_EQUAL, 0, 1, MOUNT_FLAGS), allow, fail]
    yield _UMOUNT2, [_argument(1), (_IF_EQUAL, 0, 1, UNMOUNT_FLAGS), allow, fail]


def _argument(index: int) -> Instruction:
    """Load an argument's low word: what the kernel looks at, in the calls above."""
    return (_LOAD, 0, 0, _ARGUMENTS_AT + 8 * index)
