"""One call that chooses: searches of many problems share the workers, each runs only what it needs.

A worker that is free gets the next probe of a problem that has none running; of another problem that is not open yet; and
only then of one that has some running, where what is found may make it needless. So little runs in vain while there are
several problems, and no worker is idle while there is one.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from staged_reward.admission import admit, has_sound_code
from staged_reward.budget import SiblingBudget
from staged_reward.candidates import Candidate, Group
from staged_reward.errors import InfraError
from staged_reward.filters import Filter, LintFilter, TestsFilter
from staged_reward.kill_history import KillHistory
from staged_reward.limits import Limits
from staged_reward.pool import SMALL_PROGRAM_CHARS, WorkerPool, worker_lost
from staged_reward.problem import FULL, Problem
from staged_reward.rankers import Ranked, rank
from staged_reward.scoring import Scorer
from staged_reward.selection.certified import CertifiedSearch
from staged_reward.selection.choice import STILL_POSSIBLE, Choice
from staged_reward.selection.search import Probe, Search, lost
from staged_reward.selection.strategy import Certified, Strategy
from staged_reward.stages.lint import Lint
from staged_reward.verification import Verification
from staged_reward.worker import Job, TestsTask


class Selection:
    """Leads the searches of one call.

    Args:
        strategy: How to choose.
        ranker: What orders the candidates, of `rankers.RANKERS`.
        filters: In order. Without an ORM, tests among them are left to the full suite, which has the same.
        limits: The exact ones.
        budget: None for exact limits.
        scorer: Scores what the filters leave before the search; None for no ORM.
        history: Orders the tests; None keeps their order.
        seed: Decides among equals of the ranking.
    """

    def __init__(
        self,
        strategy: Strategy,
        ranker: str,
        filters: Sequence[Filter],
        limits: Limits,
        budget: SiblingBudget | None,
        scorer: Scorer | None,
        history: KillHistory | None,
        seed: int,
    ) -> None:
        self._ranker = ranker
        self._filters = filters
        self._limits = limits
        self._budget = budget
        self._scorer = scorer
        self._has_filters = any(not isinstance(item, TestsFilter) for item in filters)
        self._history = history
        self._seed = seed
        self._new_search = _searches(strategy, self._can_run, budget, history)
        self._numbers = itertools.count()
        self._running: dict[int, tuple[Search, Probe]] = {}
        self._num_running: dict[int, int] = {}
        self._unopened: deque[Callable[[], Group]] = deque()
        self._open: list[Search] = []
        self._back: deque[Job] = deque()
        self._finished: list[Search] = []

    def run(
        self,
        pool: WorkerPool,
        problems: Sequence[Problem],
        programs: Sequence[str | None],
        on_progress: Callable[[int], None],
    ) -> Iterator[Choice]:
        """Yield the choice of one problem after the other, as they are made."""
        known = {id(problem): problem for problem in problems}
        if self._scorer is None:
            self._admit_later(problems, programs)
        else:
            self._score(pool, problems, programs)
        for job, results in pool.run(self, known):
            search, probe = self._running.pop(job.number)
            self._num_running[id(search)] -= 1
            search.tell(probe, lost(probe, str(worker_lost(FULL))) if results is None else results)
            if search.is_done:
                self._close(search)
            yield from self._hand_over(on_progress)
        if self._running or self._open or self._unopened:
            raise InfraError("the verifier was closed in the middle of a call; close it afterwards")
        yield from self._hand_over(on_progress)

    def _hand_over(self, on_progress: Callable[[int], None]) -> Iterator[Choice]:
        finished, self._finished = self._finished, []
        for search in finished:
            choice = search.choice()
            on_progress(len(choice.judgements))
            yield choice

    def _admit_later(self, problems: Sequence[Problem], programs: Sequence[str | None]) -> None:
        """Leave each problem's candidates to the moment when a worker has time for it."""
        places: dict[int, list[int]] = {}
        for position, problem in enumerate(problems):
            places.setdefault(id(problem), []).append(position)
        for positions in places.values():
            self._unopened.append(lambda positions=positions: self._admitted(positions, problems, programs))  # type: ignore[misc]

    def _admitted(self, positions: list[int], problems: Sequence[Problem], programs: Sequence[str | None]) -> Group:
        filters = [item for item in self._filters if not isinstance(item, TestsFilter)]
        groups = admit(
            [problems[position] for position in positions],
            [programs[position] for position in positions],
            lambda problem: Group.of(problem, filters, self._limits, full=True, count=False),
            positions,
            str if self._ranker == "random" else None,  # to find what is formatted otherwise costs more than its run
        )
        [group] = groups.values()
        if LintFilter("ruff") in filters:
            sound = [candidate for candidate in group.candidates if has_sound_code(candidate, self._filters)]
            found = Lint("ruff").check_many([candidate.program or "" for candidate in sound])
            for candidate, result in zip(sound, found, strict=True):
                candidate.results.append(result)
        return group

    def _score(self, pool: WorkerPool, problems: Sequence[Problem], programs: Sequence[str | None]) -> None:
        """Send all programs through filters and ORM first; the searches go on with what is left."""
        verification = Verification(
            self._filters, self._limits, self._budget, self._scorer, full=False, count=False, history=self._history
        )
        for _ in verification.run(pool, problems, programs, lambda _: None):
            pass
        for group in verification.groups:
            group.tasks = (*group.tasks, TestsTask(FULL, None, group.exact, False))
            for candidate in group.candidates:
                candidate.is_late = False
            self._unopened.append(lambda group=group: group)  # type: ignore[misc]

    def _can_run(self, candidate: Candidate) -> bool:
        is_checked = candidate.program is None or self._has_filters  # else the worker says that it does not compile
        if not candidate.results and is_checked and not has_sound_code(candidate, self._filters):
            return False
        return not any(result.verdict not in STILL_POSSIBLE for result in candidate.results)

    def _open_next(self) -> Search:
        group = self._unopened.popleft()()
        ranked = [
            Ranked(candidate.program or "", score=candidate.score, copies=len(candidate.positions))
            for candidate in group.candidates
        ]
        places = rank(self._ranker, group.problem.task_id, ranked, self._seed)
        order = [group.candidates[place] for place in places]
        search = self._new_search(group, order)
        self._num_running[id(search)] = 0
        self._open.append(search)
        return search

    def _close(self, search: Search) -> None:
        self._open.remove(search)
        del self._num_running[id(search)]
        self._finished.append(search)

    def take(self, *, small_only: bool) -> Job | None:
        """Return the job of the next probe for a worker."""
        job = self._back.popleft() if self._back else self._next_job()
        if job is not None and small_only and self._is_large(job):
            self._back.appendleft(job)
            return None
        return job

    def put_back(self, job: Job) -> None:
        """Take a job back."""
        self._back.appendleft(job)

    def _is_large(self, job: Job) -> bool:
        return self._running[job.number][1].is_slow or len(job.program) > SMALL_PROGRAM_CHARS

    def _next_job(self) -> Job | None:
        for search in [search for search in self._open if not self._num_running[id(search)]]:
            if (job := self._probe(search)) is not None:
                return job
        while self._unopened:
            if (job := self._probe(self._open_next())) is not None:
                return job
        for search in sorted(self._open, key=lambda search: self._num_running[id(search)]):
            if (job := self._probe(search)) is not None:
                return job
        return None

    def _probe(self, search: Search) -> Job | None:
        """Return the job of a search's next probe; close the search if there is none, and none is running."""
        probe = search.take()
        if probe is None:
            if search.is_done and not self._num_running[id(search)]:
                self._close(search)
            return None
        number = next(self._numbers)
        self._running[number] = search, probe
        self._num_running[id(search)] += 1
        assert probe.candidate.program is not None
        return Job(number, id(search.group.problem), probe.candidate.program, probe.tasks)


def _searches(
    strategy: Strategy, can_run: Callable[[Candidate], bool], budget: SiblingBudget | None, history: KillHistory | None
) -> Callable[[Group, Sequence[Candidate]], Search]:
    """Return what makes the search of a problem, given its group and its candidates in order."""
    if isinstance(strategy, Certified):
        return lambda group, order: CertifiedSearch(group, order, can_run, budget, history)
    from staged_reward.selection.budgeted import BudgetedSearch  # loads numpy, while workers would wait
    from staged_reward.selection.survival import Survival

    seconds, survival, learned = strategy.cpu_seconds, Survival(), history or KillHistory()
    return lambda group, order: BudgetedSearch(group, order, can_run, seconds, budget, learned, survival)
