"""Which filters and tests end programs, and what they cost: learned from results, to run the cheapest kill first.

A history decides in which order things run, not what passes: a program has to pass every filter and every test in any
order. Which filter or test is named as the one that failed it can differ; and a budget from siblings, which is made of how
long they took. The order is a function of the history alone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from staged_reward.errors import InputError
from staged_reward.problem import FULL, AssertTest, Problem, StageResult, Verdict
from staged_reward.worker import Task, TestsTask

PRIOR_KILLS, PRIOR_RUNS = 0.1, 1.0  # what has not run yet comes before what ran and seldom killed, after what kills
LEAST_SECONDS = 1e-4


@dataclass(slots=True)
class Record:
    """Of one filter, or one test: how often it ran, how many programs it ended, and CPU seconds in total."""

    runs: int = 0
    kills: int = 0
    cpu_seconds: float = 0.0

    def kills_per_second(self, typical_seconds: float) -> float:
        """Return the estimate that decides the order.

        A cost counts as the nearest power of two, so that the noise of a clock seldom changes an order.

        Args:
            typical_seconds: What is assumed of one that has not run.
        """
        rate = (self.kills + PRIOR_KILLS) / (self.runs + PRIOR_RUNS)
        mean = max(self.cpu_seconds / self.runs if self.runs else typical_seconds, LEAST_SECONDS)
        return float(rate / 2.0 ** round(math.log2(mean)))


@dataclass(slots=True)
class KillHistory:
    """What was seen so far of a data set.

    Attributes:
        filters: By stage.
        tests: By task, one record for each of its tests, in the problem's own order.
    """

    filters: dict[str, Record] = field(default_factory=dict)
    tests: dict[str, list[Record]] = field(default_factory=dict)

    def learn(self, problem: Problem, tasks: Sequence[Task], results: Sequence[StageResult]) -> None:
        """Learn from what came of the tasks of one program, up to the first that it did not pass."""
        for task, result in zip(tasks, results, strict=False):
            if result.stage != FULL:
                self.note_filter(result)
            if isinstance(task, TestsTask) and task.indices is not None and not task.count:
                self.note_tests(problem, task.indices, result)

    def note_filter(self, result: StageResult) -> None:
        """Learn from what a filter said of one program. A fault of ours teaches nothing."""
        if result.verdict is not Verdict.INFRA_ERROR:
            record = self.filters.setdefault(result.stage, Record())
            _add(record, result.cpu_seconds, is_kill=result.verdict is not Verdict.PASSED)

    def note_tests(self, problem: Problem, indices: Sequence[int], result: StageResult) -> None:
        """Learn from tests that ran in the order `indices`, up to the first that failed.

        The CPU time is shared among those that ran. A program that ended before its first test teaches nothing.
        """
        if result.verdict is Verdict.INFRA_ERROR or not result.tests_run:
            return
        records = self._records(problem)
        ran = indices[: result.tests_run]
        for index in ran:
            is_last = index == ran[-1]
            _add(
                records[index], result.cpu_seconds / len(ran), is_kill=is_last and result.verdict is not Verdict.PASSED
            )

    def order_tests(self, problem: Problem, indices: Iterable[int] | None = None) -> tuple[int, ...]:
        """Return the tests, or those of `indices`, most kills per second first; equals in the order given.

        Tests that are statements share a namespace, where one may need what another left: they stay in their order.
        """
        records = self._records(problem)
        chosen = range(len(problem.tests)) if indices is None else indices
        if not can_split(problem):
            return tuple(chosen)
        typical = _typical_seconds(records)
        return tuple(sorted(chosen, key=lambda index: -records[index].kills_per_second(typical)))

    def order_stages(self, stages: Sequence[str]) -> list[str]:
        """Return the stages, most kills per second first; equals in the order given."""
        typical = _typical_seconds(self.filters.values())
        return sorted(stages, key=lambda stage: -self.filters.get(stage, Record()).kills_per_second(typical))

    def _records(self, problem: Problem) -> list[Record]:
        known = self.tests.get(problem.task_id, [])
        if len(known) != len(problem.tests):  # unknown, or another version of the problem
            known = self.tests[problem.task_id] = [Record() for _ in problem.tests]
        return known

    def write(self, path: str | Path) -> None:
        """Save as JSON."""
        tests = {task_id: [_as_list(record) for record in records] for task_id, records in self.tests.items()}
        filters = {stage: _as_list(record) for stage, record in self.filters.items()}
        Path(path).write_text(json.dumps({"filters": filters, "tests": tests}) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: str | Path) -> KillHistory:
        """Load what `write` saved.

        Raises:
            InputError: The file holds something else.
        """
        try:
            data = json.loads(Path(path).read_text(encoding="utf-8"))
            filters = {str(stage): _record(values) for stage, values in data["filters"].items()}
            tests = {str(task_id): [_record(v) for v in rows] for task_id, rows in data["tests"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            raise InputError(f"{path} is no kill history ({error}); give a file that `write` made, or none") from error
        return cls(filters, tests)


def can_split(problem: Problem) -> bool:
    """Whether a problem's tests can run in any order, and some without the others."""
    return not any(isinstance(test, AssertTest) for test in problem.tests)


def _typical_seconds(records: Iterable[Record]) -> float:
    """Return the mean CPU seconds of a run."""
    known = list(records)
    return sum(record.cpu_seconds for record in known) / max(1, sum(record.runs for record in known))


def _add(record: Record, cpu_seconds: float, *, is_kill: bool) -> None:
    record.runs += 1
    record.kills += is_kill
    record.cpu_seconds += cpu_seconds


def _as_list(record: Record) -> list[float]:
    return [record.runs, record.kills, record.cpu_seconds]


def _record(values: Any) -> Record:
    runs, kills, cpu_seconds = values
    record = Record(int(runs), int(kills), float(cpu_seconds))
    if not (0 <= record.kills <= record.runs and 0.0 <= record.cpu_seconds < float("inf")):
        raise ValueError(f"record {values!r}")
    return record
