"""A pool that runs nothing: programs are assignments that say what would come of them. Times and faults are exact."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from staged_reward.budget import SiblingBudget
from staged_reward.candidates import stage_of
from staged_reward.pool import Jobs
from staged_reward.problem import CallTest, Problem, StageResult, Verdict
from staged_reward.worker import Job, LintTask, Task, TestsTask

TESTS = tuple(CallTest((i,), {}, i) for i in range(5))
PROBLEM = Problem(task_id="p", entry_point="f", tests=TESTS)
BUDGET = SiblingBudget(first_seconds=0.1, multiple=20, quantile=0.95, steps_seconds=(0.2, 1.0), min_siblings=4)
Results = tuple[StageResult, ...] | None


@dataclass
class FakePool:
    """Answers jobs in an order drawn with `seed`, `depth` at a time.

    Programs are assignments: `t` is the CPU time, `lint`, `tests` and `full` are verdicts of those stages, `fails` are the
    tests that fail, by index.
    """

    seed: int = 0
    depth: int = 3
    answer: Callable[[Job, Task], StageResult | None] | None = None
    order: list[tuple[str, float]] = field(default_factory=list)
    num_workers: int = 2
    num_before_deadline: int = -1

    def run(
        self, jobs: Jobs, problems: dict[int, Problem], *, deadline: float = math.inf
    ) -> Iterator[tuple[Job, Results]]:
        draw, hand = random.Random(self.seed), []
        while self.num_before_deadline != len(self.order):
            while len(hand) < self.depth and (job := jobs.take(small_only=False)) is not None:
                hand.append(job)
            if not hand:
                return
            job = hand.pop(draw.randrange(len(hand)))
            yield job, self._results(job)

    def _results(self, job: Job) -> Results:
        results: list[StageResult] = []
        for task in job.tasks:
            result = (self.answer or self.perform)(job, task)
            if result is None:
                return None
            results.append(result)
            if result.verdict is not Verdict.PASSED:
                break
        return tuple(results)

    def perform(self, job: Job, task: Task) -> StageResult:
        values: dict[str, Any] = {}
        try:
            exec(job.program, {"nan": math.nan, "inf": math.inf}, values)  # assignments, see above
        except SyntaxError:
            return StageResult(stage=stage_of(task), verdict=Verdict.SYNTAX_ERROR)
        if isinstance(task, LintTask):
            return StageResult(stage="lint", verdict=Verdict(values.get("lint", "passed")))
        limit = task.limits.cpu_seconds
        self.order.append((job.program, limit))
        if "fails" in values and values.get("t", 0) <= limit:
            return self._tested(task, values)
        used = min(values.get("t", 0.001), limit)
        verdict = Verdict.TIMEOUT if values.get("t", 0) > limit else Verdict(values.get(task.stage, "passed"))
        return StageResult(
            stage=task.stage,
            verdict=verdict,
            program_cpu_seconds=used,
            limit_seconds=limit,
            is_budget=task.is_budget,
            cpu_seconds=used,
            tests_run=1,
            tests_passed=int(verdict is Verdict.PASSED),
        )

    def _tested(self, task: TestsTask, values: dict[str, Any]) -> StageResult:
        indices = range(len(TESTS)) if task.indices is None else task.indices
        failed = next((place for place, index in enumerate(indices) if index in values["fails"]), None)
        num_run = len(indices) if failed is None else failed + 1
        used = values.get("t", 0.001)
        return StageResult(
            stage=task.stage,
            verdict=Verdict.PASSED if failed is None else Verdict.WRONG_ANSWER,
            seconds=used,
            program_cpu_seconds=used,
            limit_seconds=task.limits.cpu_seconds,
            is_budget=task.is_budget,
            cpu_seconds=used,
            tests_run=num_run,
            tests_passed=num_run if failed is None else failed,
        )
