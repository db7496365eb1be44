"""`certified`: run every test down the ranking, and stop at the first program that passes.

Its choice passes if and only if some candidate does, so it is as accurate as the full suite on all of them, under the
same limits. With budgets from siblings it gives every candidate the short first pass before any gets a second, longer one;
so if nothing passes in the first, all have been seen, and the budgets are those of a full verification. A program like one
that hung can wait, and does not run again where another one passes.

Which program is chosen does not depend on how many run at once: it is the first in the ranking of those that pass in the
same pass.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from staged_reward.budget import SiblingBudget
from staged_reward.candidates import Candidate, Group
from staged_reward.kill_history import KillHistory
from staged_reward.problem import StageResult, Verdict
from staged_reward.selection.choice import Choice, choose
from staged_reward.selection.search import Probe, note_ended


class CertifiedSearch:
    """The search in one problem.

    Args:
        group: The problem; its tasks end with the full suite.
        order: Its candidates, best first; those that import what takes long to import wait for the others.
        can_run: Whether a candidate's code compiles and passed the filters so far; asked whenever it is its turn.
        budget: None for exact limits.
        history: Orders the tests, and learns from what runs; None keeps their order.
    """

    def __init__(
        self,
        group: Group,
        order: Sequence[Candidate],
        can_run: Callable[[Candidate], bool],
        budget: SiblingBudget | None,
        history: KillHistory | None,
    ) -> None:
        self.group = group
        self._order = sorted(order, key=lambda candidate: candidate.imports_slowly)
        self._can_run = can_run
        self._budget = budget
        self._history = history
        self._waiting = deque(self._order)
        self._late: list[Candidate] = []
        self._num_running = 0
        self._passed: list[Candidate] = []

    def take(self) -> Probe | None:
        """Return the next candidate down the ranking, and what is put off once nothing else is left."""
        candidate = None if self._passed else self._next()
        if candidate is None:
            return None
        self._num_running += 1
        if self._history is not None:
            self.group.test_order = self._history.order_tests(self.group.problem)
        tasks = self.group.tasks_from(candidate.num_tasks_done, self._budget, candidate)
        return Probe(candidate, tasks, is_slow=candidate.is_late)

    def _next(self) -> Candidate | None:
        if not self._waiting and not self._num_running:
            self._begin_second_pass()
        while self._waiting:
            candidate = self._waiting.popleft()
            if self._can_run(candidate):
                return candidate
        return None

    def _begin_second_pass(self) -> None:
        late, self._late = {id(candidate) for candidate in self._late}, []
        for candidate in self._order:
            if id(candidate) in late and not self.group.ends_with_first_pass(candidate, self._budget):
                candidate.is_late = True
                self._waiting.append(candidate)

    def tell(self, probe: Probe, results: Sequence[StageResult]) -> None:
        """Take note of an outcome; a time-out of the first pass is put off."""
        self._num_running -= 1
        candidate = probe.candidate
        if self._budget is not None and not candidate.is_late:
            note_ended(probe, results)
            if results[-1].may_end_later:
                candidate.add(results[:-1])
                candidate.first_try = results[-1]
                self._late.append(candidate)
                return
        if self._history is not None:
            self._history.learn(self.group.problem, probe.tasks, results)
        candidate.add(results)
        if results[-1].verdict is Verdict.PASSED:
            self._passed.append(candidate)

    @property
    def is_done(self) -> bool:
        """Whether one passed, or none can."""
        return self._num_running == 0 and (bool(self._passed) or not (self._waiting or self._late))

    def choice(self) -> Choice:
        """Return the first of the ranking that passed."""
        passed = {id(candidate) for candidate in self._passed}
        winner = next((candidate for candidate in self._order if id(candidate) in passed), None)
        for candidate in self._order:
            if candidate.first_try is not None:
                candidate.add([_not_run_again(candidate.first_try)])
        return choose(self.group.problem.task_id, self._order, winner)


def _not_run_again(first_try: StageResult) -> StageResult:
    return StageResult(stage=first_try.stage, verdict=Verdict.NOT_RUN, detail="ran over the first pass' limit")
