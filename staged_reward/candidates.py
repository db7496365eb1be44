"""Candidates of one verification: identical programs are one candidate, the candidates of a problem are a group.

It keeps the books: what a candidate has to go through, what it went through, and the judgement that follows. It runs
nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from staged_reward.budget import SiblingBudget
from staged_reward.filters import Filter, LintFilter, Syntax, TestsFilter
from staged_reward.gate import Gate
from staged_reward.imports import imported_packages, is_third_party
from staged_reward.kill_history import KillHistory
from staged_reward.limits import Limits
from staged_reward.problem import FULL, Judgement, Problem, StageResult, Verdict
from staged_reward.sandbox.forkserver import PRELOADABLE
from staged_reward.worker import LintTask, Task, TestsTask

FIRST_ROUND = 2  # candidates, before the order of a problem's tests is looked at again
_UNCALIBRATED = Gate()


@dataclass(slots=True, eq=False)
class Candidate:
    """A distinct program for a problem.

    Attributes:
        group: The candidates of the same problem.
        program: Source; None when the completion held no code.
        positions: Where it stands in the caller's list.
        results: Of the stages it went through.
        num_tasks_done: How far it is in its group's tasks.
        is_late: It ran over the first pass' limit and waits for its siblings, or runs again.
        first_try: What it got in the first pass, if it was put off; its cost is added to that of the second.
        score: The ORM's.
        identity: What it has in common with its copies.
        num_known: Results that came from the cache.
    """

    group: Group
    program: str | None
    positions: list[int]
    results: list[StageResult] = field(default_factory=list)
    num_tasks_done: int = 0
    is_late: bool = False
    first_try: StageResult | None = None
    score: float | None = None
    identity: bytes | str | None = None
    num_known: int = 0
    _imports_slowly: bool | None = None

    def add(self, results: Sequence[StageResult]) -> None:
        """Take note of the stages it went through in one go."""
        if results and self.first_try is not None:
            results = [_with_cost_of(self.first_try, results[0]), *results[1:]]
            self.first_try = None
        self.results.extend(results)
        self.num_tasks_done += len(results)

    @property
    def imports_slowly(self) -> bool:
        """Whether it imports what takes long to import: third-party packages that are not loaded beforehand."""
        if self._imports_slowly is None:
            packages = imported_packages(self.program or "")
            self._imports_slowly = any(p not in PRELOADABLE and is_third_party(p) for p in packages)
        return self._imports_slowly

    def filtered_by(self) -> str | None:
        """Return the filter that removes this candidate, if any. A fault of ours removes nothing."""
        kept = (Verdict.PASSED, Verdict.INFRA_ERROR, Verdict.NOT_RUN)
        return next((r.stage for r in self.results if r.verdict not in kept and r.stage != FULL), None)

    def judgements(self, gate: Gate = _UNCALIBRATED) -> list[tuple[int, Judgement]]:
        """Return (position, judgement) for every copy; the gate makes their rewards."""
        last = self.results[-1]
        with_tests = [result for result in self.results if result.tests_run]
        tests = with_tests[-1] if with_tests else last
        filtered_by = self.filtered_by()
        judgement = Judgement(
            task_id=self.group.problem.task_id,
            verdict=last.verdict,
            stage=last.stage,
            passed=last.verdict is Verdict.PASSED,
            tests_passed=tests.tests_passed,
            tests_run=tests.tests_run,
            score=self.score,
            reward=gate.reward_of(
                last.verdict, self.score, is_filtered=filtered_by is not None, is_certain=last.stage == FULL
            ),
            detail=last.detail,
            program=self.program,
            count=len(self.positions),
            filtered_by=filtered_by,
            is_known=self.num_known > 0,
            stages=tuple(self.results),
        )
        copy = replace(judgement, is_copy=True) if len(self.positions) > 1 else judgement
        return [(position, copy if i else judgement) for i, position in enumerate(self.positions)]


def _with_cost_of(first_try: StageResult, result: StageResult) -> StageResult:
    seconds, cpu_seconds = result.seconds + first_try.seconds, result.cpu_seconds + first_try.cpu_seconds
    return replace(result, seconds=seconds, cpu_seconds=cpu_seconds)


@dataclass(slots=True, eq=False)
class Group:
    """The candidates of one problem.

    Attributes:
        problem: The problem.
        exact: Its limits.
        tasks: What each of its programs goes through after `syntax`, in order.
        num_open: Candidates that the first pass has not settled or put off.
        num_unsettled: Candidates without a final outcome.
        ended: Per stage, CPU seconds of the programs that ended in the first pass.
        late: Candidates put off.
        test_order: What was learned of the tests' order; None keeps the problem's.
        waiting: Candidates of later rounds, when the order of tests is learned.
        num_started: Candidates of the rounds so far.
        num_in_round: Those of the current round that are neither settled nor put off.
        first_limits: Of the first pass, by whether a program imports slowly; once it has begun.
    """

    problem: Problem
    exact: Limits
    tasks: tuple[Task, ...]
    candidates: list[Candidate] = field(default_factory=list)
    num_open: int = 0
    num_unsettled: int = 0
    ended: dict[str, list[float]] = field(default_factory=dict)
    late: list[Candidate] = field(default_factory=list)
    test_order: tuple[int, ...] | None = None
    waiting: deque[Candidate] = field(default_factory=deque)
    num_started: int = 0
    num_in_round: int = 0
    first_limits: dict[bool, Limits] = field(default_factory=dict)

    @classmethod
    def of(cls, problem: Problem, filters: Sequence[Filter], limits: Limits, *, full: bool, count: bool) -> Group:
        """Make the empty group of a problem."""
        exact = limits.of(problem)
        tasks = [_task(item, problem, exact) for item in filters if not runs_in_batch(item)]
        if full:
            tasks.append(TestsTask(FULL, None, exact, count))
        return cls(problem, exact, tuple(tasks))

    def learn_order(self, history: KillHistory) -> None:
        """Put the filters in the order that a history says; the full suite stays last."""
        by_stage = {stage_of(task): task for task in self.tasks if stage_of(task) != FULL}
        full = [task for task in self.tasks if stage_of(task) == FULL]
        self.tasks = (*(by_stage[stage] for stage in history.order_stages(list(by_stage))), *full)

    def next_round(self) -> list[Candidate]:
        """Return the candidates of the next round: two at first, then as many as there were before."""
        size = max(FIRST_ROUND, self.num_started)
        chosen = [self.waiting.popleft() for _ in range(min(size, len(self.waiting)))]
        self.num_started += len(chosen)
        self.num_in_round = len(chosen)
        return chosen

    def tasks_from(self, start: int, budget: SiblingBudget | None, candidate: Candidate) -> tuple[Task, ...]:
        """Return the tasks from `start` on, under the limits that apply to a candidate, tests in the order learned."""
        tasks = self.tasks[start:]
        if self.test_order is not None:
            order = self.test_order
            tasks = tuple(_in_order(task, order) if isinstance(task, TestsTask) else task for task in tasks)
        if budget is None:
            return tasks
        return tuple(self._limited(task, budget, candidate) if isinstance(task, TestsTask) else task for task in tasks)

    def _limited(self, task: TestsTask, budget: SiblingBudget, candidate: Candidate) -> TestsTask:
        if not candidate.is_late:
            limits = self.limits_of_first_pass(budget, candidate)
        else:
            limits = budget.final(self.exact, self.ended.get(task.stage, ()))
        return replace(task, limits=limits, is_budget=limits.cpu_seconds < self.exact.cpu_seconds)

    def limits_of_first_pass(self, budget: SiblingBudget, candidate: Candidate) -> Limits:
        """Return the limits under which a candidate runs first."""
        is_slow = candidate.imports_slowly
        if is_slow not in self.first_limits:
            self.first_limits[is_slow] = budget.first(self.exact, imports_slowly=is_slow)
        return self.first_limits[is_slow]

    def ends_with_first_pass(self, candidate: Candidate, budget: SiblingBudget | None) -> bool:
        """Let the time-out of the first pass be the last word, if the second would allow no more. Return whether it is."""
        first = candidate.first_try
        assert first is not None
        assert budget is not None
        seconds = budget.final(self.exact, self.ended.get(first.stage, ())).cpu_seconds
        if not seconds <= (first.limit_seconds or 0.0) <= first.program_cpu_seconds:
            return False
        candidate.first_try = None
        candidate.add([first])
        return True


def _in_order(task: TestsTask, order: Sequence[int]) -> TestsTask:
    if task.count:
        return task
    chosen = order if task.indices is None else [index for index in order if index in task.indices]
    return replace(task, indices=tuple(chosen))


def stage_of(task: Task) -> str:
    """Return the stage that a task belongs to."""
    return "lint" if isinstance(task, LintTask) else task.stage


def runs_in_batch(item: Filter) -> bool:
    """Whether a filter runs on all programs at once, before the others: it needs no worker."""
    return isinstance(item, Syntax) or (isinstance(item, LintFilter) and item.tool == "ruff")


def _task(item: Filter, problem: Problem, exact: Limits) -> Task:
    if isinstance(item, LintFilter):
        return LintTask(item.tool)
    assert isinstance(item, TestsFilter)
    return TestsTask(item.stage, item.indices(problem), exact, count=False)
