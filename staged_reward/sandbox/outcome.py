"""What running a suite gave, and how the end of a process, an error or a broken reply becomes a verdict. Trusted side."""

from __future__ import annotations

import os
import reprlib
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from staged_reward.problem import Verdict
from staged_reward.sandbox.forkserver import OUT_OF_MEMORY
from staged_reward.sandbox.handles import Handle
from staged_reward.sandbox.reply import LoadError
from staged_reward.sandbox.supervise import Ending, Reason

MAX_DETAIL_CHARS = 300


class _Repr(reprlib.Repr):
    def repr_instance(self, x: Any, level: int) -> str:
        try:
            text = repr(x)
        except Exception:  # noqa: BLE001  an int of more digits than Python prints, in it
            return f"<{type(x).__name__}>"
        half = self.maxother // 2
        return text if len(text) <= self.maxother else f"{text[:half]}...{text[-half:]}"


_repr = _Repr()
_repr.maxstring = _repr.maxother = _repr.maxlong = 80

_VERDICT_OF_REASON = {
    Reason.CPU: Verdict.TIMEOUT,
    Reason.WALL: Verdict.TIMEOUT,
    Reason.OUTPUT: Verdict.OUTPUT_LIMIT,
    Reason.MEMORY: Verdict.MEMORY_LIMIT,
    Reason.PROCESSES: Verdict.RUNTIME_ERROR,
}
WORDS = {
    Reason.CPU: "CPU time limit",
    Reason.WALL: "waited too long",
    Reason.OUTPUT: "too much output",
    Reason.MEMORY: "too much memory in all its processes",
    Reason.PROCESSES: "too many processes",
}
_VERDICT_OF_SIGNAL: dict[int, Verdict] = {signal.SIGXCPU: Verdict.TIMEOUT, signal.SIGXFSZ: Verdict.OUTPUT_LIMIT}


@dataclass(slots=True)
class Outcome:
    """What running a suite gave.

    Attributes:
        verdict: `passed`, or that of the first test that failed.
        num_passed: Tests passed.
        num_run: Tests run, a failed one included.
        detail: The first failure, in one line.
        cpu_seconds: CPU time of the program's processes, in total.
        longest_cpu_seconds: The largest CPU time of any one process: what a limit per process has to cover.
        is_endless: It ran out of time, and would under any limit.
    """

    verdict: Verdict = Verdict.PASSED
    num_passed: int = 0
    num_run: int = 0
    detail: str = ""
    cpu_seconds: float = 0.0
    longest_cpu_seconds: float = 0.0
    is_endless: bool = False

    def note(self, verdict: Verdict, detail: str = "") -> None:
        """Count one test."""
        self.num_run += 1
        self.num_passed += verdict is Verdict.PASSED
        self.fail(verdict, detail)

    def fail(self, verdict: Verdict, detail: str) -> None:
        """Keep the first failure."""
        if self.verdict is Verdict.PASSED and verdict is not Verdict.PASSED:
            self.verdict = verdict
            line = " ".join(detail[: 10 * MAX_DETAIL_CHARS].split())[:MAX_DETAIL_CHARS]
            self.detail = "".join(char if char.isprintable() else "\ufffd" for char in line)

    def add_cost(self, cpu_seconds: float) -> None:
        """Count the CPU time of one process."""
        self.cpu_seconds += cpu_seconds
        self.longest_cpu_seconds = max(self.longest_cpu_seconds, cpu_seconds)


def verdict_of_error(names: Sequence[str]) -> Verdict:
    return Verdict.MEMORY_LIMIT if "MemoryError" in names else Verdict.RUNTIME_ERROR


def verdict_of_load(error: LoadError) -> tuple[Verdict, str]:
    verdict = verdict_of_error(error.names) if error.is_parsed else Verdict.SYNTAX_ERROR
    return verdict, f"{error.names[0]}: {error.message}"


def verdict_of_ending(ending: Ending) -> tuple[Verdict, str]:
    if ending.reason in _VERDICT_OF_REASON:
        return _VERDICT_OF_REASON[ending.reason], WORDS[ending.reason]
    if os.WIFSIGNALED(ending.status):
        number = os.WTERMSIG(ending.status)
        name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
        return _VERDICT_OF_SIGNAL.get(number, Verdict.CRASHED), f"the process was ended by {name}"
    if os.WEXITSTATUS(ending.status) == OUT_OF_MEMORY:
        return Verdict.MEMORY_LIMIT, "no memory was left to report with"
    return (
        Verdict.CRASHED,
        f"the process ended with status {os.WEXITSTATUS(ending.status)} before it reported every test",
    )


def short(value: Any) -> str:
    """Return a `repr` of bounded size and cost."""
    if isinstance(value, Handle):
        return "<an object of the program>"
    try:
        return _repr.repr(value)
    except ValueError:  # an int of more digits than Python prints
        return f"<{type(value).__name__}>"
