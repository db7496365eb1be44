"""What one program may use. It holds the numbers and checks them; `sandbox/` enforces them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from staged_reward.errors import InputError

if TYPE_CHECKING:
    from staged_reward.problem import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of one process that runs a program.

    The `call` and `assert` tests of a program share one process, and so one limit; each `stdio` test has its own.
    A problem's own time or memory limit takes the place of the default.

    Attributes:
        cpu_seconds: CPU time, user and system, all threads and children. Decides `timeout`, so that a busy machine
            changes no verdict.
        wall_seconds: Backstop for programs that wait instead of computing. Time spent waiting for a core is not counted.
        memory_mib: Private writable memory (heap, stacks, anonymous maps).
        output_mib: What a program may write to stdout, or return.
        file_mib: Size of any one file in the scratch folder.
        scratch_mib: Size of the scratch folder, where the machine lets it be limited.
        num_processes: Processes and threads at once.
    """

    cpu_seconds: float = 3.0
    wall_seconds: float = 10.0
    memory_mib: int = 1024
    output_mib: int = 16
    file_mib: int = 64
    scratch_mib: int = 256
    num_processes: int = 64

    def of(self, problem: Problem) -> Limits:
        """Return the limits for a problem: its own take the place of these."""
        return replace(
            self,
            cpu_seconds=problem.time_limit_seconds or self.cpu_seconds,
            memory_mib=problem.memory_limit_mib or self.memory_mib,
        )

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
                raise InputError(f"Limits: {field.name}={value!r}; give a positive, finite number")
