"""One call of the verifier: which program goes where next.

Programs stream: each goes through its stages as fast as workers are free, and a problem is done when all of its
programs are. What runs over the first pass' limit is put off until the problem's other programs are done (see
`budget`), and runs after everything else. Verdicts depend on the problem's set of programs only, not on their order,
the number of workers or the load of the machine.
"""

from __future__ import annotations

import itertools
import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager

from staged_reward.admission import admit, has_sound_code
from staged_reward.budget import SiblingBudget
from staged_reward.candidates import Candidate, Group, stage_of
from staged_reward.errors import InfraError
from staged_reward.filters import Filter, LintFilter
from staged_reward.gate import Gate
from staged_reward.kill_history import KillHistory
from staged_reward.limits import Limits
from staged_reward.pool import JobQueue, WorkerPool, worker_lost
from staged_reward.problem import FULL, Judgement, Problem, StageResult, Verdict
from staged_reward.processes import ended_children_cpu_seconds
from staged_reward.result_cache import ResultCache
from staged_reward.scoring import LateScoring, Scorer, WaitingRoom
from staged_reward.stages.lint import Lint
from staged_reward.worker import Job

OPEN_PER_WORKER = 4  # problems under way at once, while an order is learned
_FINAL = (Verdict.PASSED, Verdict.SYNTAX_ERROR, Verdict.INFRA_ERROR)

Judged = list[tuple[int, Judgement]]


class Verification:
    """Leads the programs of one call through the stages.

    Args:
        filters: In order.
        limits: The exact ones.
        budget: None for exact limits.
        scorer: None for no ORM.
        full: Run the full suite on what the filters leave, and on what a fallible filter removed.
        count: Go on after a failed test of the full suite.
        spare_removed: Do not run the full suite on what any filter removed.
        cache: Of results; None for none.
        deadline: On the clock of `time.monotonic`; candidates without an outcome then have the verdict `not_run`.
        late_scoring: Passes of the ORM that earlier calls did not wait for; this call adds its own.
        gate: Makes the judgements' rewards; None for one without calibration.
        history: Learn from what runs, and let it decide the order of filters and tests; None keeps the order given.

    Attributes:
        helpers_cpu_seconds: Of processes that were started for it by this one: linters, and compilers of long programs.
    """

    def __init__(
        self,
        filters: Sequence[Filter],
        limits: Limits,
        budget: SiblingBudget | None,
        scorer: Scorer | None,
        *,
        full: bool,
        count: bool,
        spare_removed: bool = False,
        history: KillHistory | None = None,
        cache: ResultCache | None = None,
        deadline: float = math.inf,
        gate: Gate | None = None,
        late_scoring: LateScoring | None = None,
    ) -> None:
        self._late_scoring = late_scoring if late_scoring is not None else set()
        self._waiting = WaitingRoom()
        self._num_unsent = 0  # problems there for which no pass has been asked for
        self._gate = gate or Gate()
        self._cache = cache
        self._history = history
        self._deadline = deadline
        self._handed_over: set[int] = set()
        self.helpers_cpu_seconds = 0.0
        self._unopened: deque[Group] = deque()
        self._num_opened = 0
        self._filters = filters
        self._limits = limits
        self._budget = budget
        self._scorer = scorer
        self._full = full
        self._count = count
        self._spare_removed = spare_removed
        self._groups: dict[int, Group] = {}
        self._jobs = JobQueue()
        self._running: dict[int, Candidate] = {}
        self._numbers = itertools.count()
        self._finished: list[Group] = []
        self._scoring: LateScoring = set()

    def run(
        self,
        pool: WorkerPool,
        problems: Sequence[Problem],
        programs: Sequence[str | None],
        on_progress: Callable[[int], None],
    ) -> Iterator[Judged]:
        """Yield the judgements of one problem after the other, as they are done, with positions in `programs`."""
        self._raise_late_fault()
        self._admit(problems, programs)
        known = {key: group.problem for key, group in self._groups.items()}
        with _orm_thread(self._is_late, self._waiting) as executor:
            self._start()
            at_once = OPEN_PER_WORKER * pool.num_workers
            self._open_groups(at_once)
            yield from self._hand_over(executor, on_progress)
            for job, results in pool.run(self._jobs, known, deadline=self._deadline):
                self._advance(self._running.pop(job.number), job, results)
                self._open_groups(at_once)
                yield from self._hand_over(executor, on_progress)
            if self._running and not self._is_late():
                raise InfraError("the verifier was closed in the middle of a call; close it afterwards")
            self._waiting.close()
            while (self._scoring or self._num_unsent) and not self._is_late():
                seconds = None if math.isinf(self._deadline) else max(0.0, self._deadline - time.monotonic())
                wait(self._scoring | self._late_scoring, timeout=seconds, return_when=FIRST_COMPLETED)
                yield from self._hand_over(executor, on_progress)
            if self._is_late():
                yield from self._give_up(executor, on_progress)

    def _raise_late_fault(self) -> None:
        """Raise what a pass of the ORM ran into that an earlier call did not wait for."""
        done = {future for future in self._late_scoring if future.done()}
        self._late_scoring -= done
        for future in done:
            if not future.cancelled() and (fault := future.exception()) is not None:
                raise fault

    def _is_late(self) -> bool:
        return time.monotonic() >= self._deadline

    def _give_up(self, executor: ThreadPoolExecutor, on_progress: Callable[[int], None]) -> Iterator[Judged]:
        """Hand over what is left as it is: what has no outcome was not run."""
        executor.shutdown(wait=False, cancel_futures=True)  # what a pass that has begun finds out comes too late
        self._waiting.clear()
        yield from self._hand_over(executor, on_progress)
        self._late_scoring |= {future for future in self._scoring if not future.cancelled()}
        for group in self._groups.values():
            if id(group) not in self._handed_over:
                for candidate in group.candidates:
                    self._leave_open(candidate)
                yield self._judged(group, on_progress)

    def _leave_open(self, candidate: Candidate) -> None:
        """Note that a candidate got no further, unless it has an outcome."""
        last = candidate.results[-1] if candidate.results else None
        if last is not None and (last.verdict is not Verdict.PASSED or last.stage == FULL):
            return
        left = candidate.group.tasks[candidate.num_tasks_done :]
        if left or (self._scorer is not None and candidate.score is None):
            stage = stage_of(left[0]) if left else "orm"
            detail = "the deadline of the call passed"
            candidate.add([StageResult(stage=stage, verdict=Verdict.NOT_RUN, detail=detail)])

    @property
    def groups(self) -> list[Group]:
        """The problems of the call, once it has run."""
        return list(self._groups.values())

    def _admit(self, problems: Sequence[Problem], programs: Sequence[str | None]) -> None:
        self._groups = admit(
            problems,
            programs,
            lambda problem: Group.of(problem, self._filters, self._limits, full=self._full, count=self._count),
        )

    def _start(self) -> None:
        """Do the stages that need no worker, and put the rest in the queue."""
        candidates = [candidate for group in self._groups.values() for candidate in group.candidates]
        for group in self._groups.values():
            group.num_open = group.num_unsettled = len(group.candidates)
        before = ended_children_cpu_seconds()
        compiling = [candidate for candidate in candidates if has_sound_code(candidate, self._filters)]
        if LintFilter("ruff") in self._filters:
            results = Lint("ruff").check_many([candidate.program or "" for candidate in compiling])
            for candidate, result in zip(compiling, results, strict=True):
                candidate.results.append(result)
        self.helpers_cpu_seconds += ended_children_cpu_seconds() - before
        self._unopened.extend(self._groups.values())

    def _open_groups(self, at_once: int) -> None:
        """Start problems: all of them, or as many at once as keep the workers busy while an order is learned."""
        while self._unopened and (self._history is None or self._num_opened < at_once):
            group = self._unopened.popleft()
            self._num_opened += 1
            if self._history is None:
                for candidate in group.candidates:
                    self._go_on(candidate)
                continue
            group.learn_order(self._history)
            group.waiting.extend(group.candidates)
            self._start_round(group)

    def _start_round(self, group: Group) -> None:
        assert self._history is not None
        group.test_order = self._history.order_tests(group.problem)
        for candidate in group.next_round():
            self._go_on(candidate)

    def _leave_round(self, group: Group) -> None:
        group.num_in_round -= 1
        if group.waiting and group.num_in_round == 0:
            self._start_round(group)

    def _go_on(self, candidate: Candidate) -> None:
        """Take a candidate to its next task, or to its end."""
        last = candidate.results[-1] if candidate.results else None
        if last is not None and last.verdict is not Verdict.PASSED:
            if self._needs_full_after(last):
                self._submit(candidate, only_last=True)
            else:
                self._settle(candidate)
        elif candidate.num_tasks_done < len(candidate.group.tasks):
            self._submit(candidate)
        else:
            self._settle(candidate)

    def _submit(self, candidate: Candidate, *, only_last: bool = False) -> None:
        group = candidate.group
        start = len(group.tasks) - 1 if only_last else candidate.num_tasks_done
        candidate.num_tasks_done = start
        if self._cache is not None and self._take_known(self._cache, candidate):
            self._go_on(candidate)
            return
        tasks = group.tasks_from(start, self._budget, candidate)
        number = next(self._numbers)
        assert candidate.program is not None
        self._running[number] = candidate
        self._jobs.add(Job(number, id(group.problem), candidate.program, tasks), slow=candidate.is_late)

    def _take_known(self, cache: ResultCache, candidate: Candidate) -> bool:
        """Give a candidate the next result that an earlier call found out, if it did."""
        group = candidate.group
        task = group.tasks[candidate.num_tasks_done]
        known = cache.get(group.problem, candidate.identity, task, group.exact)
        if known is None:
            return False
        first = self._budget and group.limits_of_first_pass(self._budget, candidate)
        if first and known.verdict is not Verdict.TIMEOUT and known.program_cpu_seconds <= first.cpu_seconds:
            group.ended.setdefault(known.stage, []).append(known.program_cpu_seconds)  # as if it had run now
        candidate.num_known += 1
        candidate.add([known])
        return True

    def _advance(self, candidate: Candidate, job: Job, results: Sequence[StageResult] | None) -> None:
        group = candidate.group
        if results is None:
            stage = stage_of(job.tasks[0])
            candidate.add([StageResult(stage=stage, verdict=Verdict.INFRA_ERROR, detail=str(worker_lost(stage)))])
            self._settle(candidate)
            return
        *passed, last = results
        is_put_off = self._budget is not None and not candidate.is_late and last.may_end_later
        if not candidate.is_late:
            for result in passed if is_put_off else results:
                if result.verdict not in (Verdict.INFRA_ERROR, Verdict.TIMEOUT):
                    group.ended.setdefault(result.stage, []).append(result.program_cpu_seconds)
        if self._history is not None and not is_put_off:
            self._history.learn(group.problem, job.tasks, results)
        if is_put_off:
            candidate.add(passed)
            candidate.first_try = last
            self._put_off(candidate)
            return
        if self._cache is not None:
            for task, result in zip(job.tasks, results, strict=False):
                self._cache.put(group.problem, candidate.identity, task, group.exact, result)
        candidate.add(results)
        self._go_on(candidate)

    def _needs_full_after(self, last: StageResult) -> bool:
        """Whether a filter's word leaves open what the full suite would say."""
        if not self._full or self._spare_removed or last.stage == FULL or last.verdict in _FINAL:
            return False
        return last.stage == "lint" or (self._count and last.stage == "tests")

    def _put_off(self, candidate: Candidate) -> None:
        candidate.is_late = True
        candidate.group.late.append(candidate)
        self._close_first_pass(candidate.group)
        self._leave_round(candidate.group)

    def _settle(self, candidate: Candidate) -> None:
        group = candidate.group
        group.num_unsettled -= 1
        is_last = group.num_unsettled == 0  # asked now: what was put off may be settled with the first pass
        if not candidate.is_late:
            self._close_first_pass(group)
            self._leave_round(group)
        if is_last:
            self._num_opened -= 1
            self._finished.append(group)

    def _close_first_pass(self, group: Group) -> None:
        group.num_open -= 1
        if group.num_open == 0:
            for candidate in group.late:
                if group.ends_with_first_pass(candidate, self._budget):
                    self._go_on(candidate)
                else:
                    self._submit(candidate)

    def _hand_over(self, executor: ThreadPoolExecutor, on_progress: Callable[[int], None]) -> Iterator[Judged]:
        """Yield the problems that are done; those with survivors go through the ORM first."""
        self._raise_late_fault()
        finished, self._finished = self._finished, []
        for group in finished:
            survivors = [candidate for candidate in group.candidates if _is_survivor(candidate)]
            if self._scorer is None or not survivors:
                yield self._judged(group, on_progress)
            else:
                self._waiting.add(group, survivors)
                self._num_unsent += 1
        for future in [future for future in self._scoring if future.done() and not future.cancelled()]:
            self._scoring.remove(future)
            for scores in future.result():
                scores.enter()
                yield self._judged(scores.group, on_progress)
        if self._num_unsent and not self._late_scoring and not self._is_late():  # else it does what nobody waits for
            assert self._scorer is not None
            self._scoring |= {executor.submit(self._waiting.score, self._scorer) for _ in range(self._num_unsent)}
            self._num_unsent = 0

    def _judged(self, group: Group, on_progress: Callable[[int], None]) -> Judged:
        self._handed_over.add(id(group))
        judged = [item for candidate in group.candidates for item in candidate.judgements(self._gate)]
        on_progress(len(judged))
        return judged


@contextmanager
def _orm_thread(is_late: Callable[[], bool], waiting: WaitingRoom) -> Iterator[ThreadPoolExecutor]:
    """A thread for the ORM; what waits for it when the call ends early is dropped, and a late one is left to itself."""
    executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="orm")
    try:
        yield executor
    finally:
        waiting.clear()
        executor.shutdown(wait=not is_late(), cancel_futures=True)


def _is_survivor(candidate: Candidate) -> bool:
    faulty = candidate.results[-1].verdict is Verdict.INFRA_ERROR
    return candidate.program is not None and not faulty and candidate.filtered_by() is None
