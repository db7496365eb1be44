"""`budget=B`: at most B CPU seconds on a problem's tests, spent where they raise the chance of a right choice most.

What may be run next is a chunk of further tests on one candidate: of `stdio` tests, each of which is a process, the next
one, or twice, four times … as many, or all that are left; of other tests, which share a process, all. A chunk is worth what
it is expected to add to the chance that the best candidate is right, per CPU second: a candidate that fails drops out, one
that passes becomes more likely, one that passes all is certain and ends the search.
Where no single chunk can change the choice, the likeliest candidate goes on. Filters are not charged.

Chances start from the ranking: the odds of the first are e² times those of the last. One probe runs at a time, so that each
sees what the one before found. A candidate that runs over its limit stays possible, and costs the next limit to go on with.

Arrays: C candidates that can run, S sizes of chunks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from staged_reward.budget import SiblingBudget
from staged_reward.candidates import Candidate, Group
from staged_reward.kill_history import KillHistory
from staged_reward.limits import Limits
from staged_reward.problem import FULL, StageResult, StdioTest, Verdict
from staged_reward.selection.choice import Choice, choose
from staged_reward.selection.search import Probe
from staged_reward.selection.survival import Chances, Survival, posterior
from staged_reward.worker import TestsTask

START_SECONDS = 0.003  # what a run costs beside its tests
LEAST_SECONDS = 0.01  # of CPU time that a run must be able to use, to be worth its start
FIRST_GUESS_SECONDS = 0.003  # for a test, until one has run
MARGIN = 4.0  # each of the processes of a chunk may take so many times what a test takes
LOG_ODDS_OF_RANK = 1.0  # above the mean for the first, below it for the last


class BudgetedSearch:
    """The search in one problem.

    Args:
        group: The problem; its tasks end with the full suite.
        order: Its candidates, best first.
        can_run: Whether a candidate's code compiles and passed the filters so far; asked once for each.
        cpu_seconds: The budget.
        budget: From siblings: its first pass and its steps are the limits that a candidate gets in turn; None for the
            exact limit alone.
        history: Orders the tests.
        survival: Shared by the searches of a call.
    """

    def __init__(
        self,
        group: Group,
        order: Sequence[Candidate],
        can_run: Callable[[Candidate], bool],
        cpu_seconds: float,
        budget: SiblingBudget | None,
        history: KillHistory,
        survival: Survival,
    ) -> None:
        self.group = group
        self._order = order
        self._left_seconds = cpu_seconds
        self._history = history
        self._survival = survival
        self._limits = _limits_in_turn(group.exact, budget)
        self._tests = history.order_tests(group.problem)
        num_tests = len(self._tests)
        self._is_stdio = all(isinstance(test, StdioTest) for test in group.problem.tests)
        self._sizes_S = np.array(_sizes(num_tests) if self._is_stdio else [num_tests], dtype=np.int64)
        self._candidates = [candidate for candidate in order if can_run(candidate)]
        num = len(self._candidates)
        lean_C = LOG_ODDS_OF_RANK * (1 - 2 * np.arange(num) / max(1, num - 1))
        right = survival.share_right
        self._prior_C: Chances = 1 / (1 + np.exp(-lean_C) * (1 - right) / right)
        self._passed_C = np.zeros(num, dtype=np.int64)  # tests
        self._limit_C = np.zeros(num, dtype=np.int64)  # index of the limit that applies
        self._open_C = np.ones(num, dtype=np.bool_)
        self._spent = [StageResult(stage=FULL, verdict=Verdict.NOT_RUN)] * num
        self._running: int | None = None
        self._winner: Candidate | None = None
        self._seconds, self._num_tests = 0.0, 0  # of runs that ended, their start aside

    def take(self) -> Probe | None:
        """Return the chunk that is worth most per CPU second, if one can be paid for."""
        best = None if self._is_settled() else self._best_chunk()
        if best is None:
            return None
        index, size = best
        self._running = index
        candidate = self._candidates[index]
        start = self._passed_C[index]
        limit = self._limits[self._limit_C[index]]
        processes = size if self._is_stdio else 1  # each has the limit to itself
        limits = replace(limit, cpu_seconds=min(limit.cpu_seconds, self._left_seconds / processes))
        is_budget = limits.cpu_seconds < self.group.exact.cpu_seconds
        tests = TestsTask(FULL, self._tests[start : start + size], limits, count=False, is_budget=is_budget)
        filters = self.group.tasks[candidate.num_tasks_done : -1]
        return Probe(candidate, (*filters, tests), is_slow=bool(self._limit_C[index] > 0))

    def _is_settled(self) -> bool:
        """Whether nothing may be started: something runs, one is certain, or the budget is spent."""
        is_spent = self._left_seconds < LEAST_SECONDS
        return self._running is not None or self._winner is not None or is_spent or not self._open_C.any()

    def _best_chunk(self) -> tuple[int, int] | None:
        """Return (candidate, tests) of the chunk with the highest gain per cost; the likelier one among equals."""
        chance_C = self._chances()
        gain_CS, cost_CS = self._gains(chance_C), self._costs()
        num_left_C = len(self._tests) - self._passed_C
        fits_S = (self._sizes_S == 1) | (self._sizes_S * MARGIN * self._per_test() <= self._left_seconds)
        allowed_CS = self._open_C[:, None] & (self._sizes_S <= num_left_C[:, None]) & (cost_CS <= self._left_seconds)
        if self._is_stdio:
            allowed_CS &= fits_S
        if not allowed_CS.any():
            return None
        worth_CS = np.where(allowed_CS, np.maximum(gain_CS, 0.0) / cost_CS, -1.0)
        ties = np.argwhere(worth_CS >= worth_CS.max() * (1 - 1e-9))
        index, size = max(ties.tolist(), key=lambda tie: (chance_C[tie[0]], tie[1], -tie[0]))
        return index, int(self._sizes_S[size])

    def _chances(self) -> Chances:
        chance_C = posterior(self._prior_C, self._survival.of_wrong(self._passed_C))
        return np.where(self._open_C, chance_C, 0.0)

    def _gains(self, chance_C: Chances) -> Chances:
        """Return what each chunk is expected to add to the chance of a right choice, (C, S)."""
        best = int(chance_C.argmax())
        second = float(np.delete(chance_C, best).max(initial=0.0))
        other_C1 = np.where(np.arange(len(chance_C)) == best, second, chance_C[best])[:, None]
        chance_C1 = chance_C[:, None]
        passed_CS = self._passed_C[:, None] + self._sizes_S
        is_all_CS = passed_CS >= len(self._tests)
        survives_CS = self._survival.from_to(self._passed_C[:, None], passed_CS)
        passes_CS = chance_C1 + (1 - chance_C1) * np.where(is_all_CS, 0.0, survives_CS)
        then_CS = np.where(is_all_CS, 1.0, chance_C1 / np.maximum(passes_CS, 1e-12))
        found_CS = passes_CS * np.maximum(then_CS, other_C1) + (1 - passes_CS) * other_C1
        return np.asarray(found_CS - np.maximum(chance_C1, other_C1))

    def _costs(self) -> Chances:
        """Return the CPU seconds that each chunk is expected to take, (C, S); after a time-out, its next limit."""
        fresh_S = START_SECONDS + self._per_test() * self._sizes_S
        limits = np.array([min(limit.cpu_seconds, self._left_seconds) for limit in self._limits])
        processes_S = self._sizes_S if self._is_stdio else np.ones_like(self._sizes_S)
        slow_CS = limits[self._limit_C][:, None] * processes_S
        return np.where((self._limit_C > 0)[:, None], slow_CS, fresh_S)

    def _per_test(self) -> float:
        """Return the CPU seconds that a test takes, as far as is known."""
        return max(self._seconds, LEAST_SECONDS / 100) / self._num_tests if self._num_tests else FIRST_GUESS_SECONDS

    def tell(self, probe: Probe, results: Sequence[StageResult]) -> None:
        """Take note of what a chunk showed and cost."""
        assert self._running is not None
        index, self._running = self._running, None
        self._left_seconds -= sum(result.cpu_seconds for result in results if result.stage == FULL)
        self._history.learn(self.group.problem, probe.tasks, results)
        *filtered, last = results
        if last.stage != FULL:
            filtered.append(last)
            self._open_C[index] = False
        probe.candidate.add(filtered)
        if last.stage == FULL:
            self._note(index, probe, last)

    def _note(self, index: int, probe: Probe, result: StageResult) -> None:
        if self._limit_C[index] == 0 and result.verdict is not Verdict.TIMEOUT:
            self._seconds += max(0.0, result.cpu_seconds - START_SECONDS)
            self._num_tests += max(1, result.tests_run)
        verdict = self._verdict_after(index, result)
        self._spent[index] = _together(self._spent[index], result, int(self._passed_C[index]), verdict)
        if result.verdict is Verdict.PASSED:
            self._passed_C[index] += result.tests_run
        if verdict is Verdict.PASSED:
            self._winner = probe.candidate
            self._survival.note_pass()
        elif verdict not in (Verdict.NOT_RUN, Verdict.INFRA_ERROR):
            self._survival.note_failure(self._spent[index].tests_passed)

    def _verdict_after(self, index: int, result: StageResult) -> Verdict:
        """Return what is known of a candidate after a chunk: `not_run` while it is possible."""
        if result.verdict is Verdict.PASSED:
            is_all = self._passed_C[index] + result.tests_run == len(self._tests)
            return Verdict.PASSED if is_all else Verdict.NOT_RUN
        is_exact = (result.limit_seconds or 0.0) >= self.group.exact.cpu_seconds
        if result.may_end_later and not is_exact:
            is_last = self._limit_C[index] == len(self._limits) - 1  # stopped where the budget ends, or it waits
            self._open_C[index] = not is_last
            self._limit_C[index] += not is_last
            return Verdict.NOT_RUN
        self._open_C[index] = False
        return result.verdict

    @property
    def is_done(self) -> bool:
        """Whether one is certain, or nothing more can be paid for."""
        if self._running is not None:
            return False
        return self._is_settled() or self._best_chunk() is None

    def choice(self) -> Choice:
        """Return the certain one, or the likeliest."""
        chance_C = self._chances()
        known = {id(candidate): chance_C[index] for index, candidate in enumerate(self._candidates)}
        for candidate, spent in zip(self._candidates, self._spent, strict=True):
            if spent.seconds or spent.verdict is not Verdict.NOT_RUN:
                candidate.results.append(spent)
        order = sorted(self._order, key=lambda candidate: -known.get(id(candidate), 0.0))
        return choose(self.group.problem.task_id, order, self._winner)


def _together(before: StageResult, result: StageResult, num_passed: int, verdict: Verdict) -> StageResult:
    """Return the chunks of a candidate as one run of tests."""
    return replace(
        result,
        verdict=verdict,
        seconds=before.seconds + result.seconds,
        cpu_seconds=before.cpu_seconds + result.cpu_seconds,
        tests_passed=num_passed + result.tests_passed,
        tests_run=num_passed + result.tests_run,
    )


def _limits_in_turn(exact: Limits, budget: SiblingBudget | None) -> list[Limits]:
    if budget is None:
        return [exact]
    steps = [step for step in budget.steps_seconds if budget.first_seconds < step < exact.cpu_seconds]
    return [budget.first(exact), *(replace(exact, cpu_seconds=step) for step in steps), exact]


def _sizes(num_tests: int) -> list[int]:
    """Return the sizes of chunks to think of: 1, 2, 4 … up to all, and what is left after one of those."""
    powers = [2**power for power in range(num_tests.bit_length())]
    return sorted({*powers, num_tests, *(num_tests - power for power in powers if power < num_tests)})
