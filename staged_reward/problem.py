"""The data that everything else passes around: problems, tests, verdicts, judgements. Plain and frozen; no behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

FULL = "full"  # the stage that runs every test


class Verdict(StrEnum):
    """Why a candidate stopped, or that it did not."""

    PASSED = "passed"
    NO_CODE = "no_code"
    SYNTAX_ERROR = "syntax_error"
    LINT_ERROR = "lint_error"
    WRONG_ANSWER = "wrong_answer"
    RUNTIME_ERROR = "runtime_error"
    TIMEOUT = "timeout"
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"
    CRASHED = "crashed"
    INFRA_ERROR = "infra_error"
    NOT_RUN = "not_run"  # only where a strategy chooses one candidate: it had no need to run this one, or not all of it


@dataclass(frozen=True, slots=True)
class CallTest:
    """Call the entry point with plain data and look at what it returns.

    Attributes:
        args: Positional arguments.
        kwargs: Keyword arguments.
        expected: The value to compare with. It never enters the program's process.
        check: Python expression over `result` and `expected` that must be true, e.g. `result == expected` or
            `abs(result - 0.5) < 1e-6`; a few pure builtins and `math` are in scope. None compares with float tolerance:
            where the expected value is a float, rtol 1e-7 and atol 1e-6 (EvalPlus); types must match otherwise.
    """

    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    expected: Any = None
    check: str | None = None


@dataclass(frozen=True, slots=True)
class StdioTest:
    """Run the program as a script with `stdin`; its standard output must be `stdout`, line by line."""

    stdin: str
    stdout: str


@dataclass(frozen=True, slots=True)
class AssertTest:
    """Statements run in order in one namespace, in a trusted process that reaches the program only through calls."""

    code: str


Test = CallTest | StdioTest | AssertTest


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One task.

    Attributes:
        task_id: Name within its data set.
        prompt: What the model was shown.
        tests: All tests, in the data set's order; `tests=N` takes from the front.
        entry_point: `f`, `Class`, `Class.f` or `Class().f` (a fresh instance per call). None for `stdio` problems.
        setup: Statements that tests need first. `assert` tests run them in their namespace; their import statements also
            run before the program.
        solution: The canonical solution, as a whole program.
        time_limit_seconds: CPU seconds; takes the place of `Limits.cpu_seconds`.
        memory_limit_mib: Takes the place of `Limits.memory_mib`.
    """

    task_id: str
    prompt: str = ""
    tests: tuple[Test, ...] = ()
    entry_point: str | None = None
    setup: str = ""
    solution: str | None = None
    time_limit_seconds: float | None = None
    memory_limit_mib: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageResult:
    """What one stage said of one candidate, and what that cost.

    Attributes:
        stage: `extract`, `syntax`, `lint`, `tests`, `orm` or `full`.
        verdict: `passed`, or why the candidate stops here.
        seconds: Wall time in this stage.
        cpu_seconds: CPU time in this stage, ours and the program's.
        tests_passed: Tests passed, of those run.
        tests_run: Tests run. One that failed is among them.
        detail: One line for people: the failing test, the error, the message of the linter.
        limit_seconds: CPU limit that applied; None where nothing ran.
        is_budget: That limit is a budget from siblings, below the exact limit.
        program_cpu_seconds: CPU time of the program's own processes; for `stdio`, the largest of any one test.
        is_endless: It was shown to repeat itself for ever: no limit would do (see `sandbox/endless.py`).
    """

    stage: str
    verdict: Verdict
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    tests_passed: int = 0
    tests_run: int = 0
    detail: str = ""
    limit_seconds: float | None = None
    is_budget: bool = False
    program_cpu_seconds: float = 0.0
    is_endless: bool = False

    @property
    def may_end_later(self) -> bool:
        """Whether it ran out of time, and might have ended under a longer limit."""
        return self.verdict is Verdict.TIMEOUT and not self.is_endless


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The outcome for one candidate.

    Attributes:
        task_id: The problem.
        verdict: `passed`, or why the candidate stopped.
        stage: Where it stopped; the last stage when it passed.
        passed: It survived every filter; with `full`, the outcome of the full suite.
        tests_passed: In the last stage that ran tests.
        tests_run: In the last stage that ran tests.
        score: The ORM's raw logit, higher is better; None when there is no ORM or it was not reached.
        reward: 0.0 for what a filter removed, in (0, 1] for survivors, None for `infra_error` and `not_run`.
        detail: One line for people.
        program: The extracted program; None when there was no code.
        count: How many candidates of this call are the same program as this one, itself included.
        is_copy: Another candidate of this call is the same program and was verified; this one has its outcome and cost.
        is_known: A result of an earlier call served for a stage at least; that cost nothing.
        filtered_by: With `full`: the filter that would have removed this candidate, if any.
        stages: One result per stage that ran, in order. Shared by all `count` copies: it ran once for all of them.
    """

    task_id: str
    verdict: Verdict
    stage: str
    passed: bool
    tests_passed: int = 0
    tests_run: int = 0
    score: float | None = None
    reward: float | None = None
    detail: str = ""
    program: str | None = None
    count: int = 1
    is_copy: bool = False
    is_known: bool = False
    filtered_by: str | None = None
    stages: tuple[StageResult, ...] = ()

    @property
    def seconds(self) -> float:
        """Wall seconds over all stages."""
        return sum(stage.seconds for stage in self.stages)

    @property
    def cpu_seconds(self) -> float:
        """CPU seconds over all stages, ours and the program's."""
        return sum(stage.cpu_seconds for stage in self.stages)
