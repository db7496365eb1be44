"""Stage `tests`: run some of a problem's tests, or all, in a sandbox. The verifier runs the same code on many workers.

Alone, it has one worker process, which starts at the first call and ends with `close`.
"""

from __future__ import annotations

import threading
import weakref
from typing import Self

from staged_reward.filters import TestsFilter
from staged_reward.limits import Limits
from staged_reward.pool import JobQueue, WorkerPool, worker_lost
from staged_reward.problem import Problem, StageResult
from staged_reward.worker import Job, TestsTask


class RunTests:
    """The stage as a callable: `RunTests(3)(problem, program)`.

    Args:
        num_tests: The first so many; None for all.
        seed: Draw `num_tests` at random instead, per problem.
        limits: What the program may use.
        count: Go on after a failed test, to count.
    """

    def __init__(
        self,
        num_tests: int | None = None,
        *,
        seed: int | None = None,
        limits: Limits | None = None,
        count: bool = False,
    ) -> None:
        self._choice = None if num_tests is None else TestsFilter(num_tests, seed)
        self._limits = limits or Limits()
        self._count = count
        self._lock = threading.Lock()
        self._pool = WorkerPool(1)
        self._closer = weakref.finalize(self, self._pool.close)

    def __call__(self, problem: Problem, program: str) -> StageResult:
        """Run the tests on one program.

        Raises:
            InputError: The problem has fewer tests than asked for.
            InfraError: The worker was lost time and again.
        """
        indices = None if self._choice is None else self._choice.indices(problem)
        jobs = JobQueue()
        jobs.add(Job(0, 0, program, (TestsTask("tests", indices, self._limits.of(problem), self._count),)))
        with self._lock:
            [(_, results)] = self._pool.run(jobs, {0: problem})
        if results is None:
            raise worker_lost("tests")
        return results[0]

    def close(self) -> None:
        """End the worker process. A later call starts it again."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
