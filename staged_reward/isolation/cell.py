"""Builds what surrounds the programs of one fork server, in the order that works, and puts each program into it.

    keeper              makes the control group, outlives the rest, cleans up after it
    └── fork server     namespaces, root file system; seccomp for itself and all below; scratch folder
        └── guest       its own session, limits, user, no capabilities, Landlock, no descriptors

What costs little once and much per program is done once: namespaces, mounts, the filter of seccomp. With a PID namespace
the fork server is its first process: no signal of a program reaches it, and when it ends the kernel ends all.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Collection
from typing import NamedTuple, TypeVar

from staged_reward.isolation import credentials, kernel, landlock, mounts, namespaces, rlimits, seccomp
from staged_reward.isolation import view as views
from staged_reward.isolation.cgroup import Cgroup
from staged_reward.isolation.kernel import Call
from staged_reward.isolation.landlock import LIST, READ, USE_DEVICE, WRITE
from staged_reward.isolation.layers import FILES_AND_PROCESSES, NAMESPACES, Layer
from staged_reward.isolation.scratch import FolderScratch, MountedScratch

ROOT_FOLDER, WORK_FOLDER, TRASH_FOLDER = "root", "work", "trash"
# What a program finds in /proc where that still shows the machine.
_FACTS = ("/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/loadavg", "/proc/version", "/sys/devices/system/cpu")
_OWN_PROCESSES = 4  # fork server, keeper and guest, where they are the same user
_COUNT_SECONDS = 1.0  # how old a count of the user's processes may be

T = TypeVar("T")


class RefusedError(Exception):
    """The machine does not allow some layers.

    Attributes:
        layers: Those to do without.
        reason: Why.
    """

    def __init__(self, layers: Collection[Layer], reason: str) -> None:
        super().__init__(f"{', '.join(sorted(layers))}: {reason}")
        self.layers, self.reason = frozenset(layers), reason


class ProgramLimits(NamedTuple):
    """What the kernel bounds for each process of a program. The order is that of the fork server's requests."""

    cpu_seconds: float
    memory_mib: int
    file_mib: int
    num_processes: int


_TRIAL = ProgramLimits(10.0, 1024, 64, 64)


class Plan(NamedTuple):
    """What to build.

    Attributes:
        layers: Wanted.
        base: A folder of the sandbox's own, with `root`, `work` and `trash` in it.
        view: What programs may see.
        uid: The user that programs run as.
        cgroup: Made by the keeper; None for none.
        scratch_mib: Size of the scratch folder, where it can be limited.
        on_trash: Called when something is to be removed from `trash`.
    """

    layers: frozenset[Layer]
    base: str
    view: views.View
    uid: int
    cgroup: Cgroup | None
    scratch_mib: int
    on_trash: Callable[[], None]


class Cell:
    """The surroundings of a fork server's programs. `Cell.enter_namespaces` comes before, in its parent.

    Args:
        plan: What to build.

    Raises:
        RefusedError: The machine does not allow some of it.
    """

    def __init__(self, plan: Plan) -> None:
        self.layers = plan.layers
        self._plan = plan
        self._counted_at, self._num_tasks = 0.0, 0
        self._calls: dict[tuple[ProgramLimits, int], list[Call]] = {}
        self._entry: list[Call] = []
        if plan.cgroup is not None:
            _attempt({Layer.CGROUP}, plan.cgroup.join)
        if Layer.MOUNT in self.layers:
            _attempt(FILES_AND_PROCESSES, lambda: mounts.enter_root(f"{plan.base}/{ROOT_FOLDER}"))
        has_group = plan.cgroup is not None
        self._oom_score = os.open("/proc/self/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC) if has_group else -1
        self.scratch = self._make_scratch()
        _attempt(FILES_AND_PROCESSES, self.scratch.renew)
        kernel.perform(rlimits.of_server())
        kernel.no_new_privileges()
        if Layer.SECCOMP in self.layers:
            _attempt({Layer.SECCOMP}, self._filter)
        self._ruleset = -1
        self._confinement: list[Call] = []
        _attempt({Layer.LANDLOCK}, self._renew_ruleset)
        self._try_out()

    @staticmethod
    def enter_namespaces(plan: Plan) -> frozenset[Layer]:
        """Do what the fork server's parent must do for it, and return the layers that are in force then.

        Raises:
            RefusedError: The machine does not allow some of it.
        """
        has_user = _attempt(NAMESPACES, lambda: namespaces.enter(plan.layers))
        if Layer.MOUNT in plan.layers:
            _attempt(FILES_AND_PROCESSES, lambda: mounts.build_root(f"{plan.base}/{ROOT_FOLDER}", plan.view))
        return plan.layers - (frozenset() if has_user else {Layer.USER})

    @property
    def server_is_alone(self) -> bool:
        """Whether all that this process, the fork server, may signal are its own descendants."""
        return Layer.PID in self.layers and os.getpid() == 1

    @property
    def killer_uid(self) -> int | None:
        """The user that only the programs of this sandbox run as, where there is one."""
        return self._plan.uid if Layer.UID in self.layers and self._plan.uid != os.getuid() else None

    def guest_is_alone(self) -> bool:
        """Whether all that this process, a guest, may signal are other processes of the same program."""
        has_user = Layer.UID in self.layers and os.getuid() == self._plan.uid != 0
        return has_user or (Layer.PID in self.layers and os.getppid() == 1)

    def prepare(self, limits: ProgramLimits) -> None:
        """Make ready for one program; called in the fork server before it forks."""
        self._count_processes()
        key = (limits, self._num_tasks)
        if key not in self._calls:
            self._calls = {key: self._calls_for(limits)}
        self._entry = self._calls[key]
        if self._plan.cgroup is not None:
            self._plan.cgroup.limit(limits.memory_mib + self._plan.scratch_mib)

    def _calls_for(self, limits: ProgramLimits) -> list[Call]:
        num_processes = limits.num_processes + _OWN_PROCESSES + self._num_tasks
        return [
            kernel.new_session(),
            kernel.change_folder(self.scratch.path),
            *(credentials.become(self._plan.uid) if self._plan.uid != os.getuid() else ()),
            credentials.drop_capabilities(),
            kernel.die_with_parent(signal.SIGKILL),
            *rlimits.of_program(limits.cpu_seconds, limits.memory_mib, limits.file_mib, num_processes),
        ]

    def clean_up(self) -> None:
        """Empty the scratch folder; called in the fork server when a program and all that it started have ended."""
        is_another_folder = self.scratch.renew()
        if is_another_folder and Layer.MOUNT not in self.layers:
            self._renew_ruleset()

    def fork(self) -> int:
        """Fork a guest, which the kernel takes before this process where memory runs out. Return as `os.fork` does.

        Raises:
            OSError: No process can be had.
        """
        self._prefer_for_killing(True)
        try:
            pid = kernel.fork()
        except OSError:
            self._prefer_for_killing(False)
            raise
        if pid:
            self._prefer_for_killing(False)
        return pid

    def num_killed(self) -> int:
        """Return how many processes the kernel has killed so far for want of memory."""
        return 0 if self._plan.cgroup is None else self._plan.cgroup.num_killed()

    def enter(self) -> None:
        """Put this process, a fresh guest, under everything but Landlock, which `confine` adds.

        Raises:
            OSError: It cannot be done; no program may run then.
        """
        kernel.perform(self._entry)

    def confine(self) -> None:
        """Put this process under Landlock, for good.

        Raises:
            OSError: It cannot be done; no program may run then.
        """
        kernel.perform(self._confinement)

    def _count_processes(self) -> None:
        """Look how many processes the kernel counts for this user besides a program's."""
        if self._plan.uid != os.getuid() or Layer.USER in self.layers or os.getuid() == 0:
            return
        if time.monotonic() - self._counted_at > _COUNT_SECONDS:
            self._counted_at, self._num_tasks = time.monotonic(), rlimits.num_tasks_of_user()

    def _prefer_for_killing(self, is_preferred: bool) -> None:
        if self._oom_score >= 0:
            os.pwrite(self._oom_score, b"1000" if is_preferred else b"0", 0)

    def _make_scratch(self) -> MountedScratch | FolderScratch:
        plan = self._plan
        if Layer.MOUNT in self.layers:
            return MountedScratch(mounts.SCRATCH, size_mib=plan.scratch_mib, uid=plan.uid)
        return FolderScratch(
            f"{plan.base}/{WORK_FOLDER}", f"{plan.base}/{TRASH_FOLDER}", uid=plan.uid, on_trash=plan.on_trash
        )

    def _filter(self) -> None:
        has_uncounted_memory = Layer.CGROUP not in self.layers
        shares_files = not self.layers & {Layer.MOUNT, Layer.UID}
        seccomp.enforce(
            [seccomp.DENIED, *([seccomp.UNCOUNTED_MEMORY] if has_uncounted_memory else [])],
            [seccomp.SCHEDULING, *([seccomp.ON_FILES] if shares_files else [])],
        )

    def _renew_ruleset(self) -> None:
        if Layer.LANDLOCK not in self.layers:
            return
        if self._ruleset >= 0:
            os.close(self._ruleset)
        self._ruleset = landlock.rules(self._grants())
        self._confinement = [landlock.enforce(self._ruleset)]

    def _grants(self) -> list[tuple[str, landlock.Access]]:
        grants = [(device, USE_DEVICE) for device in views.DEVICES]
        if Layer.MOUNT in self.layers:
            grants += [("/", READ), (mounts.SCRATCH_PARENT, WRITE)]
        else:
            grants += [(path, READ if is_whole else LIST) for path, is_whole in views.unmasked(self._plan.view)]
            grants += [(path, READ) for path in _FACTS]
            grants.append((self.scratch.path, WRITE))
        return grants

    def _try_out(self) -> None:
        """Put a process in, and see that it can still read what programs need.

        Raises:
            RefusedError: It cannot.
        """
        pid = kernel.fork()
        if pid == 0:
            os._exit(self._errno_inside())
        number = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if number != 0:
            guilty = {Layer.UID} if Layer.UID in self.layers else {Layer.LANDLOCK}
            raise RefusedError(guilty, f"the interpreter cannot be used in it: {os.strerror(number)}")

    def _errno_inside(self) -> int:
        try:
            self.prepare(_TRIAL)
            self.enter()
            self.confine()
            with open(os.__file__, "rb") as file:
                file.read(1)
            os.close(os.open("probe", os.O_CREAT | os.O_WRONLY))
        except OSError as error:
            return error.errno or 1
        return 0


def _attempt(layers: Collection[Layer], build: Callable[[], T]) -> T:
    try:
        return build()
    except OSError as error:
        raise RefusedError(layers, str(error)) from error
