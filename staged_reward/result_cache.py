"""What filters and tests said of programs before, for calls that see the same program again.

A result is kept by problem, program (formatting aside), stage, tests and limits. Not kept: faults of ours, and time-outs
at a budget from siblings, which depend on the other programs of their call. The least recently used go first.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import replace

from staged_reward.errors import InputError
from staged_reward.limits import Limits
from staged_reward.problem import Problem, StageResult, Verdict
from staged_reward.worker import LintTask, Task


class ResultCache:
    """A bounded cache. Its owner takes turns.

    Args:
        max_results: Kept at most, one per program and stage; 0 keeps none.

    Attributes:
        hits: Results that were found.
        misses: Results that were not.
    """

    def __init__(self, max_results: int) -> None:
        if max_results < 0:
            raise InputError(f"cache={max_results}; give the number of results to keep, 0 for none")
        self._max_results = max_results
        # A key holds its problem by identity, so the entry keeps the problem: no other can get its place in memory.
        self._results: OrderedDict[Hashable, tuple[Problem, StageResult]] = OrderedDict()
        self.hits = 0
        self.misses = 0

    def get(self, problem: Problem, identity: Hashable, task: Task, exact: Limits) -> StageResult | None:
        """Return a result as it was, without its cost; None where there is none."""
        if not self._max_results:
            return None
        key = _key(problem, identity, task, exact)
        found = self._results.get(key)
        if found is None:
            self.misses += 1
            return None
        self._results.move_to_end(key)
        self.hits += 1
        return replace(found[1], seconds=0.0, cpu_seconds=0.0)

    def put(self, problem: Problem, identity: Hashable, task: Task, exact: Limits, result: StageResult) -> None:
        """Keep a result, if it holds for other calls too."""
        depends_on_siblings = result.verdict is Verdict.TIMEOUT and result.is_budget
        if not self._max_results or depends_on_siblings or result.verdict in (Verdict.INFRA_ERROR, Verdict.NOT_RUN):
            return
        self._results[_key(problem, identity, task, exact)] = problem, result
        while len(self._results) > self._max_results:
            self._results.popitem(last=False)

    def __reduce__(self) -> tuple[type[ResultCache], tuple[int]]:
        """A copy in another process starts empty: problems are others there."""
        return ResultCache, (self._max_results,)

    def __len__(self) -> int:
        return len(self._results)


def _key(problem: Problem, identity: Hashable, task: Task, exact: Limits) -> Hashable:
    if isinstance(task, LintTask):
        return id(problem), identity, task.tool
    tests = None if task.indices is None else tuple(sorted(task.indices))
    if tests == tuple(range(len(problem.tests))):
        tests = None
    return id(problem), identity, task.stage, tests, task.count, exact
