"""StagedVerifier: programs in, judgements out. The stages run in order; what fails one goes no further."""

from __future__ import annotations

import math
import threading
import time
import weakref
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

from staged_reward.budget import SiblingBudget
from staged_reward.errors import InputError
from staged_reward.excerpt import shown
from staged_reward.extract import extract
from staged_reward.filters import Filter, TestsFilter, parse_filters
from staged_reward.gate import Gate
from staged_reward.isolation.layers import ALL, parse_layers, parse_level
from staged_reward.kill_history import KillHistory
from staged_reward.limits import Limits
from staged_reward.pool import JobQueue, WorkerPool, default_num_workers
from staged_reward.problem import AssertTest, CallTest, Judgement, Problem, Verdict
from staged_reward.rankers import check_ranker
from staged_reward.result_cache import ResultCache
from staged_reward.scoring import LateScoring, Scorer
from staged_reward.selection.choice import Choice
from staged_reward.selection.strategy import Certified, parse_strategy
from staged_reward.verification import Judged, Verification
from staged_reward.worker import Job, TestsTask

TimeLimit = Literal["siblings", "exact"]
Order = Literal["given", "adaptive"]
_NOT_PICKLED = frozenset({"_pool", "_lock", "_holder", "_closer", "_late_scoring", "_counting"})


def _ignore(count: int) -> None:
    """Take no notice of progress."""


class Behaviour(NamedTuple):
    """What a program does for some inputs.

    Attributes:
        digest: Of all that it returns or prints, or raises.
        num_returned: Inputs for which it returned or printed something.
        cpu_seconds: It took, ours and the program's.
    """

    digest: str
    num_returned: int
    cpu_seconds: float


class StagedVerifier:
    """Verifies programs in stages.

    Worker processes start at the first call and stay until `close`, or the end of the interpreter. Calls from several
    threads take turns. Picklable; the copy starts workers of its own.

    Args:
        filters: In order, `syntax` always first: `syntax`, `lint` (pylint's errors; `lint=ruff` is faster), `tests=N`
            (the first N tests; `tests=N@SEED` draws N per problem).
        orm: What scores the survivors: a checkpoint's path or hub name, `default` for the small one that ships, or any
            object with `score(prompts, programs)`.
        full: Also run all tests; their outcome is then the judgement's.
        count_tests: Do not stop the full suite at its first failing test.
        spare_removed: Do not run the full suite on what a filter removed: its verdict is then the filter's.
        workers: Processes; None for one per core, shared evenly with the other ranks of a launcher on this node.
        limits: What a program may use.
        time_limit: `siblings` derives a CPU budget from the problem's other programs, never above the exact limit;
            `exact` applies `limits.cpu_seconds` itself.
        budget: How the sibling budget is made.
        cache: How many results of filters and tests to keep for later calls with the same problem objects and programs, as
            a training has them; 0 for none.
        require_isolation: The least under which a program may run: `confined`, `contained`, `full`; `none` lets
            programs run with this user's rights where the machine offers nothing better (see `staged-reward doctor`).
        order: `given` runs filters and tests in the order given; `adaptive` runs what ends most programs per CPU second
            first, as learned from what this verifier ran (`history`). Under exact limits what passes is the same.
        history: What is known beforehand, for `adaptive`.
        layers: Of isolation, to use as far as the machine allows; None for all.
        outer_wall: Put bubblewrap, which must be installed, around every sandbox as a second wall.
        share: Let programs that can do nothing but compute fail in one process, in turn (see `docs/execution.md`). What
            passes always does so in a process of its own.

    Raises:
        InputError: A setting cannot be used.
    """

    _pool: WorkerPool
    _taken_cpu_seconds: float
    _holder: int | None
    """The thread that has the turn."""

    def __init__(
        self,
        filters: Sequence[str | Filter] = ("syntax", "lint", "tests=1"),
        orm: str | Path | Scorer | None = None,
        *,
        full: bool = False,
        count_tests: bool = False,
        spare_removed: bool = False,
        workers: int | None = None,
        limits: Limits | None = None,
        time_limit: TimeLimit = "siblings",
        budget: SiblingBudget | None = None,
        order: Order = "given",
        history: KillHistory | None = None,
        cache: int = 0,
        require_isolation: str = "confined",
        layers: Collection[str] | None = None,
        outer_wall: bool = False,
        share: bool = True,
    ) -> None:
        if workers is not None and workers < 1:
            raise InputError(f"workers={workers}; give a number from 1, or None for one per core")
        if time_limit not in ("siblings", "exact"):
            raise InputError(f"time_limit={time_limit!r}; give 'siblings' or 'exact'")
        if count_tests and not full:
            raise InputError("count_tests=True needs full=True")
        if order not in ("given", "adaptive"):
            raise InputError(f"order={order!r}; give 'given' or 'adaptive'")
        if history is not None and order == "given":
            raise InputError("history is only used with order='adaptive'; leave one out, or change the other")
        self.history = (history or KillHistory()) if order == "adaptive" else None
        self.cache = ResultCache(cache)
        self.filters = parse_filters(filters)
        self.full = full
        self.count_tests = count_tests
        self.spare_removed = spare_removed
        self.limits = limits or Limits()
        self.time_limit = time_limit
        self.num_workers = workers or default_num_workers()
        self.require_isolation = parse_level(require_isolation)
        self.layers = ALL if layers is None else parse_layers(layers)
        self.outer_wall = outer_wall
        self.share = share
        self.scorer = _scorer(orm)
        self._budget = (budget or SiblingBudget()) if time_limit == "siblings" else None
        self._open_pool()

    def verify(
        self,
        problems: Sequence[Problem],
        programs: Sequence[str | None],
        *,
        num_tests: int | None = None,
        deadline_seconds: float = math.inf,
    ) -> list[Judgement]:
        """Judge programs.

        Args:
            problems: One per program; programs of the same problem share the same object.
            programs: Python source, whole programs; None where there was no code.
            num_tests: For this call, how many tests a filter of tests runs, or all of a problem that has fewer; None for
                what it says itself.
            deadline_seconds: From now; what has no outcome then has the verdict `not_run`.

        Returns:
            One judgement per program, in input order. Faults of ours are verdicts too (`infra_error`).

        Raises:
            InputError: A problem cannot be verified with these settings, or the lengths differ.
            InfraError: No worker process can be started, the machine offers less isolation than is required, or the
                ORM failed.
        """
        judgements: dict[int, Judgement] = {}
        for judged in self.stream(problems, programs, num_tests=num_tests, deadline_seconds=deadline_seconds):
            judgements.update(judged)
        return [judgements[position] for position in range(len(programs))]

    def verify_completions(
        self, problems: Sequence[Problem], completions: Sequence[Any], *, num_tests: int | None = None
    ) -> list[Judgement]:
        """Judge what a model wrote: text or chat messages, from which the programs are extracted first."""
        return self.verify(problems, extract_all(problems, completions), num_tests=num_tests)

    def stream(
        self,
        problems: Sequence[Problem],
        programs: Sequence[str | None],
        *,
        num_tests: int | None = None,
        deadline_seconds: float = math.inf,
        on_progress: Callable[[int], None] = _ignore,
    ) -> Iterator[Judged]:
        """Judge programs, and yield one problem after the other as they are done.

        Args:
            problems: As in `verify`.
            programs: As in `verify`.
            num_tests: As in `verify`.
            deadline_seconds: As in `verify`.
            on_progress: Called with the number of programs judged since its last call.

        Yields:
            (position in `programs`, judgement) for all programs of one problem.
        """
        deadline = time.monotonic() + deadline_seconds
        if not deadline_seconds > 0:
            raise InputError(f"deadline_seconds={deadline_seconds}; give a number above 0")
        filters = self.filters if num_tests is None else _with_tests(self.filters, num_tests)
        self._check(problems, programs, filters)
        verification = Verification(
            filters,
            self.limits,
            self._budget,
            self.scorer,
            full=self.full,
            count=self.count_tests,
            spare_removed=self.spare_removed,
            history=self.history,
            cache=self.cache,
            deadline=deadline,
            gate=self.gate,
            late_scoring=self._late_scoring,
        )
        with self._turn():
            try:
                yield from verification.run(self._pool, problems, programs, on_progress)
            finally:
                self._helpers_cpu_seconds += verification.helpers_cpu_seconds

    def take_children_cpu_seconds(self) -> float:
        """Return the CPU seconds that processes of this verifier have taken since this was asked last, programs included.

        Each counts once, whoever asks. Right over many calls; see `processes.tree_cpu_seconds` for one.
        """
        with self._counting:
            now = self._pool.cpu_seconds() + self._helpers_cpu_seconds
            new, self._taken_cpu_seconds = max(0.0, now - self._taken_cpu_seconds), now
            return new

    def choose(
        self,
        problems: Sequence[Problem],
        programs: Sequence[str | None],
        strategy: str = "certified",
        *,
        ranker: str | None = None,
        seed: int = 0,
    ) -> list[Choice]:
        """Choose one program per problem, and run no more than that takes.

        Args:
            problems: As in `verify`; each needs tests.
            programs: As in `verify`.
            strategy: `certified` runs all tests down the ranking and stops at the first program that passes; it finds one
                wherever there is one. `budget=B` spends at most B CPU seconds per problem on tests.
            ranker: What orders the candidates, of `rankers.RANKERS`; None takes the ORM where there is one. Without one,
                `budget` takes the majority and `certified` chance, since looking for copies in all candidates takes longer
                than a better order saves. `majority` makes it prefer the most frequent of those that pass.
            seed: Decides among equals of the ranking.

        Returns:
            One choice per problem, in the order in which problems first occur.

        Raises:
            InputError: As in `verify`; or strategy or ranker are unknown, or need an ORM that is not there.
            InfraError: As in `verify`.
        """
        stream = self.stream_choices(problems, programs, strategy, ranker, seed)
        choices = {id(problems[choice.ranking[0]]): choice for choice in stream}
        return [choices[key] for key in dict.fromkeys(map(id, problems))]

    def stream_choices(
        self,
        problems: Sequence[Problem],
        programs: Sequence[str | None],
        strategy: str = "certified",
        ranker: str | None = None,
        seed: int = 0,
        *,
        on_progress: Callable[[int], None] = _ignore,
    ) -> Iterator[Choice]:
        """Choose as `choose` does, and yield the choice of one problem after the other as they are made."""
        from staged_reward.selection.selection import Selection  # loads numpy, which a reward has no need of

        parsed = parse_strategy(strategy)
        if ranker is None:
            without_orm = "random" if isinstance(parsed, Certified) else "majority"
            ranker = without_orm if self.scorer is None else "orm"
        check_ranker(ranker, has_orm=self.scorer is not None)
        self._check(problems, programs)
        for problem in problems:
            if not problem.tests:
                raise InputError(
                    f"problem {problem.task_id!r} has no tests, and strategy {strategy!r} needs some; drop it"
                )
        selection = Selection(parsed, ranker, self.filters, self.limits, self._budget, self.scorer, self.history, seed)
        with self._turn():
            yield from selection.run(self._pool, problems, programs, on_progress)

    def _check(
        self, problems: Sequence[Problem], programs: Sequence[str | None], filters: Sequence[Filter] | None = None
    ) -> None:
        if len(problems) != len(programs):
            raise InputError(f"{len(problems)} problems but {len(programs)} programs; give one problem per program")
        for position, program in enumerate(programs):
            if not isinstance(program, str | None):
                raise InputError(f"programs[{position}] is {shown(program)}; give source text, or None for no code")
        for problem in {id(problem): problem for problem in problems}.values():
            self._check_problem(problem, self.filters if filters is None else filters)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait for the streams of other threads. One of this thread would never end."""
        if self._holder == threading.get_ident():
            raise InputError("a stream of this verifier is still open in this thread; exhaust it, or call its close()")
        with self._lock:
            self._holder = threading.get_ident()
            try:
                yield
            finally:
                self._holder = None

    @property
    def gate(self) -> Gate:
        """How outcomes and scores become rewards: with the calibration that the reward model's card has, if any."""
        return Gate(calibration=getattr(self.scorer, "calibration", None))

    @property
    def stages(self) -> tuple[str, ...]:
        """The names of the stages that programs go through, in order."""
        stages = ["extract", *(item.stage for item in self.filters)]
        if self.scorer is not None:
            stages.append("orm")
        return (*stages, "full") if self.full else tuple(stages)

    def check_problem(self, problem: Problem) -> None:
        """Refuse a problem that these settings cannot verify.

        Raises:
            InputError: It has too few tests, or `call` tests and no entry point.
        """
        self._check_problem(problem, self.filters)

    def _check_problem(self, problem: Problem, filters: Sequence[Filter]) -> None:
        tests_filters = [item for item in filters if isinstance(item, TestsFilter)]
        for item in tests_filters:
            item.indices(problem)
        if self.full and not problem.tests:
            raise InputError(f"problem {problem.task_id!r} has no tests; drop it or set full=False")
        check_entry_point(problem)

    def behaviours(self, problems: Sequence[Problem], programs: Sequence[str]) -> list[Behaviour | None]:
        """Return what programs do for the inputs of their problems' `call` and `stdio` tests, whatever is expected of them.

        Args:
            problems: One per program; the same object within a group.
            programs: That compile.

        Returns:
            One per program, with equal digests for programs that return or print the same, floats to nine digits; None for
            a fault of ours.

        Raises:
            InputError: The lengths differ, or a problem has no such test.
        """
        self._check(problems, programs, ())
        for problem in problems:
            check_inputs(problem)
        known = {id(problem): problem for problem in problems}
        jobs = JobQueue()
        for number, (problem, program) in enumerate(zip(problems, programs, strict=True)):
            task = TestsTask("outputs", None, self.limits.of(problem), count=True, is_watching=True)
            jobs.add(Job(number, id(problem), program, (task,)))
        found: list[Behaviour | None] = [None] * len(programs)
        with self._turn():
            for job, results in self._pool.run(jobs, known):
                if results is not None and results[-1].verdict is Verdict.PASSED:
                    found[job.number] = Behaviour(results[-1].detail, results[-1].tests_passed, results[-1].cpu_seconds)
        return found

    def whole_suites(self, workers: int | None = None, *, count: bool = False) -> StagedVerifier:
        """Return a verifier that runs every test of what compiles, under the exact limits and the isolation of this one.

        Args:
            workers: Processes; None for as many as this one has.
            count: Go on after a failed test.
        """
        return StagedVerifier(
            ("syntax",),
            full=True,
            count_tests=count,
            time_limit="exact",
            workers=workers or self.num_workers,
            limits=self.limits,
            require_isolation=self.require_isolation.name.lower(),
            layers=self.layers,
            outer_wall=self.outer_wall,
            share=self.share,
        )

    def at_exact_limits(self, *, with_tests: bool) -> StagedVerifier:
        """Return this verifier, with its filters and reward model, under exact limits; also for problems without tests."""
        if with_tests and self.time_limit == "exact":
            return self
        return StagedVerifier(
            [item for item in self.filters if with_tests or not isinstance(item, TestsFilter)],
            self.scorer,
            full=self.full and with_tests,
            count_tests=self.count_tests and with_tests,
            time_limit="exact",
            workers=self.num_workers,
            limits=self.limits,
            require_isolation=self.require_isolation.name.lower(),
            layers=self.layers,
            outer_wall=self.outer_wall,
            share=self.share,
        )

    def close(self) -> None:
        """End the worker processes. A later call starts them again; a stream that is still open fails."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key not in _NOT_PICKLED}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open_pool()

    def _open_pool(self) -> None:
        self._lock = threading.Lock()
        self._holder = None
        self._late_scoring: LateScoring = set()
        self._helpers_cpu_seconds = 0.0
        self._counting = threading.Lock()
        self._taken_cpu_seconds = 0.0
        self._pool = WorkerPool(
            self.num_workers,
            required=self.require_isolation,
            layers=self.layers,
            outer_wall=self.outer_wall,
            share=self.share,
        )
        self._closer = weakref.finalize(self, self._pool.close)


def check_entry_point(problem: Problem) -> None:
    """Refuse a problem with calls of a function that it does not name.

    Raises:
        InputError: So it is.
    """
    if problem.entry_point is None and any(isinstance(test, CallTest) for test in problem.tests):
        raise InputError(f"problem {problem.task_id!r} has `call` tests but no entry_point; name the function to call")


def check_inputs(problem: Problem) -> None:
    """Refuse a problem whose tests have no inputs that programs could be watched on.

    Raises:
        InputError: So it is.
    """
    if not problem.tests or any(isinstance(test, AssertTest) for test in problem.tests):
        raise InputError(
            f"problem {problem.task_id!r} has no `call` or `stdio` tests alone, to compare programs on their inputs; "
            "give inputs"
        )
    check_entry_point(problem)


def _with_tests(filters: Sequence[Filter], num_tests: int) -> tuple[Filter, ...]:
    if num_tests < 1:
        raise InputError(f"num_tests={num_tests}; give a number from 1")
    if not any(isinstance(item, TestsFilter) for item in filters):
        raise InputError(f"num_tests={num_tests}, but no filter runs tests; add one, such as 'tests=1'")
    return tuple(
        replace(item, num_tests=num_tests, is_most=True) if isinstance(item, TestsFilter) else item for item in filters
    )


def extract_all(problems: Sequence[Problem], completions: Sequence[Any]) -> list[str | None]:
    """Return the program in each completion, or None."""
    if len(problems) != len(completions):
        raise InputError(f"{len(problems)} problems but {len(completions)} completions; give one problem each")
    pairs = zip(problems, completions, strict=True)
    return [extract(completion, prompt=p.prompt, entry_point=p.entry_point) for p, completion in pairs]


def _scorer(orm: str | Path | Scorer | None) -> Scorer | None:
    if orm is None:
        return None
    if not isinstance(orm, str | Path):
        if not callable(getattr(orm, "score", None)):
            raise InputError(f"orm={shown(orm)} has no method `score`; give a checkpoint's path, or an object with one")
        return orm
    from staged_reward.orm.scorer import OrmScorer

    return OrmScorer(orm)
