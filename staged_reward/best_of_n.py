"""BestOfN: samples of a model, verified as they arrive. The best is the answer; generation stops once it is known.

`certified` takes the first sample, by its index, that passes every test. It knows as soon as one has passed and all before
it have failed, and so gives the same answer whatever order samples end in. The other strategies rank what survives the
filters: `behaviour` by how many samples do the same for the same inputs, and the rankers, `majority`, `orm` and others.
"""

from __future__ import annotations

import math
import statistics
import threading
from collections import Counter, abc
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from queue import SimpleQueue
from time import perf_counter
from typing import Any, Self

from staged_reward.arrivals import Arrivals, Outcome
from staged_reward.errors import InfraError, InputError, nearest
from staged_reward.extract import extract
from staged_reward.generation.generator import Event, Generator, Prompt, Run, Sample, Sampling
from staged_reward.problem import FULL, CallTest, Judgement, Problem, StdioTest, Verdict
from staged_reward.prompting import prompt_of
from staged_reward.rankers import NEED_ORM, RANKERS, Ranked, rank
from staged_reward.selection.choice import Certificate
from staged_reward.verifier import StagedVerifier, check_entry_point, check_inputs

CERTIFIED, BEHAVIOUR = "certified", "behaviour"
STRATEGIES = (CERTIFIED, BEHAVIOUR, *RANKERS)
MIN_SCORES = 4  # before a lead says anything


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What an answer took.

    Attributes:
        num_samples: That ended, of those asked for.
        num_asked: Samples asked for.
        num_tokens: Generated, those of dropped samples included.
        num_tokens_for_all: That all samples would have had, as long as those that ended are on average.
        num_judged: Programs that the verifier judged.
        num_faults: Of these, without an outcome for a fault of ours; one of them might have passed.
        seconds: Wall seconds, generation included.
        cpu_seconds: CPU seconds of verification.
    """

    num_samples: int
    num_asked: int
    num_tokens: int
    num_tokens_for_all: int
    num_judged: int
    num_faults: int
    seconds: float
    cpu_seconds: float

    @property
    def saved_frac(self) -> float:
        """Share of the tokens of all samples that was not generated."""
        return saved_frac(self.num_tokens, self.num_tokens_for_all)


def saved_frac(num_tokens: int, num_tokens_for_all: int) -> float:
    """Return the share of the tokens of all samples that was not generated; 0 where there are none."""
    return max(0.0, 1 - num_tokens / num_tokens_for_all) if num_tokens_for_all else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A sample and what is known of it.

    Attributes:
        index: Of the sample.
        program: In it; None without code.
        judgement: Of the program; None where it was not needed.
    """

    index: int
    program: str | None
    judgement: Judgement | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The outcome for one problem.

    Attributes:
        task_id: The problem.
        program: The best one; None where no sample holds a program.
        certificate: What it passed; None where not every test was passed.
        index: Of its sample.
        score: The reward model's.
        strategy: That chose it.
        runner_ups: The others with a program, best first.
        is_complete: All samples that were asked for ended or were not needed.
        costs: Of the answer.
    """

    task_id: str
    program: str | None
    certificate: Certificate | None
    index: int | None
    score: float | None
    strategy: str
    runner_ups: tuple[Candidate, ...]
    is_complete: bool
    costs: Costs


@dataclass(slots=True)
class _Judged:
    index: int
    outcome: Outcome


class BestOfN:
    """Samples a model n times per problem and answers with the best program.

    A context manager; `close` ends what it started, and leaves generator and verifier to their owner.

    Args:
        generator: The model.
        verifier: Its filters and reward model judge what arrives; None for one with the defaults. Certificates are given
            under its limits, by whole suites.
        n: Samples per problem.
        strategy: `certified`; `behaviour`; or a ranker: `majority`, `orm`, `tests`, `majority_then_orm`, `random`. None
            takes `certified` for problems with tests, and `orm` for others, or `majority` without a reward model.
        sampling: How to sample.
        style: What the model is shown; see `prompt_of`.
        solved: Examples that are shown before.
        risk: With a reward model: stop once a change of the best sample is less likely than this; 0 samples all. The chance
            takes scores as normally distributed, which they are roughly.
        seed: Decides among equals of a ranking.

    Raises:
        InputError: A setting cannot be used.
    """

    def __init__(
        self,
        generator: Generator,
        verifier: StagedVerifier | None = None,
        n: int = 16,
        *,
        strategy: str | None = None,
        sampling: Sampling | None = None,
        style: str = "auto",
        solved: Sequence[tuple[str, str]] = (),
        risk: float = 0.0,
        seed: int = 0,
    ) -> None:
        if isinstance(n, bool) or n < 1:
            raise InputError(f"n={n}; give a number of samples from 1")
        if strategy is not None and strategy not in STRATEGIES:
            raise InputError(f"strategy {strategy!r} is unknown{nearest(strategy, STRATEGIES)}")
        if not 0 <= risk < 1:
            raise InputError(f"risk={risk}; give a chance from 0 up to, not including, 1")
        self.generator = generator
        self.verifier = verifier or StagedVerifier()
        self._owns_verifier = verifier is None
        if strategy in NEED_ORM and self.verifier.scorer is None:
            raise InputError(f"strategy {strategy!r} needs a reward model; give StagedVerifier(orm='default')")
        self.n = n
        self.strategy = strategy
        self.sampling = sampling or Sampling()
        self.style = style
        self.solved = tuple(solved)
        self.risk = risk
        self.seed = seed
        self._lock = threading.Lock()
        self._arrivals: dict[str, Arrivals] = {}

    def solve(
        self, problem: Problem, *, prompt: Prompt | None = None, inputs: Sequence[Sequence[Any] | str] = ()
    ) -> Answer:
        """Answer one problem.

        Args:
            problem: Without tests, programs are ranked and none is certified.
            prompt: What the model is shown; None makes it from the problem.
            inputs: For `behaviour`: arguments of calls, or texts for standard input; none takes those of the tests.

        Raises:
            InputError: The generator or the verifier cannot be used so: a wrong model, a prompt that is too long.
            InfraError: The generator or the verifier failed.
        """
        return self._solve(problem, prompt, inputs, _Together())

    def _solve(
        self, problem: Problem, prompt: Prompt | None, inputs: Sequence[Sequence[Any] | str], together: _Together
    ) -> Answer:
        strategy = self._strategy(problem)
        if prompt is None:
            prompt = prompt_of(problem, self.style, solved=self.solved)  # type: ignore[arg-type]  # checked there
        watched = _with_inputs(problem, inputs) if inputs else problem
        if strategy == BEHAVIOUR:
            check_inputs(watched)
        solving = _Solving(self, problem, strategy, self._judge_for(problem, strategy), watched)
        with together.following(solving):
            try:
                return solving.run(prompt)
            except InputError as error:
                raise InputError(f"problem {problem.task_id!r}: {error}") from error

    def solve_all(
        self,
        problems: Sequence[Problem],
        *,
        prompts: Sequence[Prompt] | None = None,
        at_once: int = 8,
        skipped: list[tuple[str, InputError]] | None = None,
    ) -> abc.Generator[Answer, None, None]:
        """Answer many problems, and yield the answers as they are found.

        Args:
            problems: To be answered.
            prompts: One per problem; None makes them.
            at_once: Problems that are worked on at the same time.
            skipped: Gets (task_id, error) of problems that cannot be answered, as when a prompt is too long, once another
                one could; None raises the first such error.
        """
        if at_once < 1:
            raise InputError(f"at_once={at_once}; give a number from 1")
        num_answered = 0
        given: Sequence[Prompt | None] = prompts if prompts is not None else [None] * len(problems)
        together = _Together()
        with ThreadPoolExecutor(at_once, thread_name_prefix="best-of-n") as executor:
            todo = iter(list(zip(problems, given, strict=True)))
            running: dict[Future[Answer], Problem] = {}
            try:
                while True:
                    while len(running) < at_once and (one := next(todo, None)) is not None:
                        running[executor.submit(self._solve, *one, (), together)] = one[0]
                    if not running:
                        return
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                    ended = [(future, running.pop(future)) for future in done]
                    for future, _ in ended:
                        if future.exception() is None:
                            yield future.result()
                            num_answered += 1
                    for future, problem in ended:
                        fault = future.exception()
                        if isinstance(fault, InputError) and skipped is not None and num_answered:
                            skipped.append((problem.task_id, fault))
                        elif fault is not None:
                            raise fault
            finally:  # an error, Ctrl-C, or nobody wants the rest
                together.stop()
                for future in running:
                    future.cancel()

    def _strategy(self, problem: Problem) -> str:
        check_entry_point(problem)
        if self.strategy is not None:
            if self.strategy in (CERTIFIED, "tests") and not problem.tests:
                raise InputError(f"problem {problem.task_id!r} has no tests, and strategy {self.strategy!r} needs some")
            return self.strategy
        return CERTIFIED if problem.tests else "majority" if self.verifier.scorer is None else "orm"

    def _judge_for(self, problem: Problem, strategy: str) -> Arrivals:
        """Return what judges: whole suites, the verifier given, or that without tests."""
        kind = "suites" if strategy in (CERTIFIED, "tests") else "filters" if problem.tests else "no tests"
        make: dict[str, Callable[[], StagedVerifier]] = {
            "suites": lambda: self.verifier.whole_suites(count=strategy == "tests"),
            "filters": lambda: self.verifier.at_exact_limits(with_tests=True),
            "no tests": lambda: self.verifier.at_exact_limits(with_tests=False),
        }
        key = f"{kind}/{strategy == 'tests'}"
        with self._lock:
            if key not in self._arrivals:
                self._arrivals[key] = Arrivals(make[kind]())
            return self._arrivals[key]

    def close(self) -> None:
        """End the threads and the workers that were started for the answers."""
        with self._lock:
            arrivals, self._arrivals = self._arrivals, {}
        for one in arrivals.values():
            one.close()
            if one.verifier is not self.verifier or self._owns_verifier:
                one.verifier.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class _Together:
    """Problems that are answered in one call, and end together when it ends early."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: list[_Solving] = []
        self._is_stopped = False

    @contextmanager
    def following(self, solving: _Solving) -> Iterator[None]:
        """Keep a problem while it is worked on.

        Raises:
            InfraError: The call has ended.
        """
        with self._lock:
            if self._is_stopped:
                raise InfraError("it was stopped")
            self._under_way.append(solving)
        try:
            yield
        finally:
            with self._lock:
                self._under_way.remove(solving)

    def stop(self) -> None:
        """End what is under way."""
        with self._lock:
            self._is_stopped = True
            for solving in self._under_way:
                solving.events.put(_Stopped("it was stopped"))


class _Stopped(BaseException):
    """The call that a problem belongs to has ended."""


@dataclass(slots=True, eq=False)
class _Solving:
    """One problem under way."""

    settings: BestOfN
    problem: Problem
    strategy: str
    arrivals: Arrivals
    watched: Problem  # with the inputs that behaviour is compared on
    end: int = 0  # samples from here on are not needed
    samples: dict[int, Sample] = field(default_factory=dict)
    programs: dict[int, str | None] = field(default_factory=dict)
    judgements: dict[int, Judgement] = field(default_factory=dict)
    events: SimpleQueue[Event | _Judged] = field(default_factory=SimpleQueue)

    def run(self, prompt: Prompt) -> Answer:
        """Sample, judge, and stop as soon as the answer is known."""
        started = perf_counter()
        self.end = self.settings.n
        run = self.settings.generator.start(
            prompt, self.settings.sampling.of(prompt), range(self.settings.n), self.events.put
        )
        try:
            self._follow(run)
        except BaseException:
            self.end = 0  # nothing that waits needs to be judged
            run.keep_below(0)
            raise
        return self._answer(run, started)

    def _follow(self, run: Run) -> None:
        num_open, has_ended = 0, False
        fault: BaseException | None = None
        while num_open or not has_ended:
            match self.events.get():
                case BaseException() as error:
                    if self.strategy != CERTIFIED or not isinstance(error, Exception):
                        raise as_fault(error)
                    fault, has_ended = error, True  # what has come may hold the answer
                case None:
                    has_ended = True
                case Sample() as sample:
                    if sample.index < self.end:
                        self._take(sample)
                        num_open += 1
                case _Judged(index=index, outcome=outcome):
                    num_open -= 1
                    if isinstance(outcome, BaseException):
                        raise outcome
                    if outcome is not None:
                        self.judgements[index] = outcome
                        self._stop_early(index, outcome, run)
        is_known = self.end <= self.settings.n and all(index in self.judgements for index in range(self.end))
        if fault is not None and not (is_known and any(one.passed for one in self.judgements.values())):
            raise as_fault(fault)

    def _take(self, sample: Sample) -> None:
        index, problem = sample.index, self.problem
        self.samples[index] = sample
        program = extract(sample.text, prompt=problem.prompt, entry_point=problem.entry_point)
        self.programs[index] = program
        self.arrivals.submit(
            problem,
            program,
            lambda outcome: self.events.put(_Judged(index, outcome)),
            lambda: index < self.end,
            place=index,  # what a certificate needs first
        )

    def _stop_early(self, index: int, judgement: Judgement, run: Run) -> None:
        if self.strategy == CERTIFIED:
            if judgement.passed and index < self.end:
                self.end = index + 1
                run.keep_below(self.end)
        elif self.strategy == "orm" and self.settings.risk and index < self.end:
            scores = [found.score for found in self.judgements.values() if found.score is not None]
            num_left = self.settings.n - len(self.judgements)
            if num_left and chance_of_change(scores, num_left) < self.settings.risk:
                self.end = 0
                run.keep_below(0)

    def _answer(self, run: Run, started: float) -> Answer:
        order, watching_seconds = self._order()
        best = order[0] if order else None
        judgement = None if best is None else best.judgement
        ended = [sample.num_tokens for sample in self.samples.values()]
        mean = statistics.fmean(ended) if ended else 0.0
        num_needed = self.settings.n if self.strategy != CERTIFIED else min(self.end, self.settings.n)
        return Answer(
            task_id=self.problem.task_id,
            program=None if best is None else best.program,
            certificate=None if judgement is None else self._certificate(judgement),
            index=None if best is None else best.index,
            score=None if judgement is None else judgement.score,
            strategy=self.strategy,
            runner_ups=tuple(order[1:]),
            is_complete=self.end == 0 or all(index in self.samples for index in range(num_needed)),
            costs=Costs(
                num_samples=len(self.samples),
                num_asked=self.settings.n,
                num_tokens=run.num_tokens,
                num_tokens_for_all=round(mean * self.settings.n),
                num_judged=len(self.judgements),
                num_faults=sum(one.verdict is Verdict.INFRA_ERROR for one in self.judgements.values()),
                seconds=perf_counter() - started,
                cpu_seconds=watching_seconds
                + math.fsum(j.cpu_seconds for j in self.judgements.values() if not j.is_copy),
            ),
        )

    def _order(self) -> tuple[list[Candidate], float]:
        """Return the samples with a program, best first, and the CPU seconds that watching them took."""
        there = [
            Candidate(index=index, program=program, judgement=self.judgements.get(index))
            for index, program in sorted(self.programs.items())
            if program is not None
        ]
        if self.strategy == CERTIFIED:
            return sorted(there, key=lambda one: (not _passed(one), -_tests_passed(one), one.index)), 0.0
        if self.strategy == BEHAVIOUR:
            return self._by_behaviour(there)
        ranked = [
            Ranked(one.program or "", _tests_passed(one), None if one.judgement is None else one.judgement.score)
            for one in there
        ]
        places = rank(self.strategy, self.problem.task_id, ranked, self.settings.seed)
        return (
            sorted((there[place] for place in places), key=lambda one: not _passed(one)),
            0.0,
        )  # it keeps the order else

    def _by_behaviour(self, there: list[Candidate]) -> tuple[list[Candidate], float]:
        """Put those first that do what most do, among survivors; what never returned anything comes last."""
        survivors = [one for one in there if _passed(one)]
        programs = [one.program or "" for one in survivors]
        verifier = self.settings.verifier
        found = verifier.behaviours([self.watched] * len(programs), programs) if programs else []
        counts = Counter(one.digest for one in found if one is not None)
        cpu_seconds = math.fsum(one.cpu_seconds for one in found if one is not None)
        places = rank("random", self.problem.task_id, [Ranked(program) for program in programs], self.settings.seed)
        keys = [(0, 0) if one is None else (int(one.num_returned > 0), counts[one.digest]) for one in found]
        places.sort(key=lambda place: keys[place], reverse=True)
        return [*(survivors[place] for place in places), *(one for one in there if not _passed(one))], cpu_seconds

    def _certificate(self, judgement: Judgement) -> Certificate | None:
        last = judgement.stages[-1] if judgement.stages else None
        if not judgement.passed or last is None or last.stage != FULL:
            return None
        return Certificate(num_tests=len(self.problem.tests), limit_seconds=last.limit_seconds)


def chance_of_change(scores: Sequence[float], num_left: int) -> float:
    """Return the chance that one of the samples to come has a higher score than the best so far.

    From the predictive distribution of normal scores with unknown mean and spread: Student's t with one degree of freedom
    less than there are scores. It takes the samples to come as independent, although they share the unknown mean and spread,
    and so gives a little more than the chance. 1 where there are fewer than four scores.
    """
    finite = [score for score in scores if math.isfinite(score)]
    if len(finite) < MIN_SCORES:
        return 1.0
    spread = statistics.stdev(finite)
    if not spread:
        return 1.0
    from scipy.stats import t

    lead = (max(finite) - statistics.fmean(finite)) / (spread * math.sqrt(1 + 1 / len(finite)))
    return float(1 - t.cdf(lead, len(finite) - 1) ** num_left)


def _with_inputs(problem: Problem, inputs: Sequence[Sequence[Any] | str]) -> Problem:
    """Return a problem with tests that expect nothing."""
    tests = [StdioTest(one, "") if isinstance(one, str) else CallTest(args=tuple(one)) for one in inputs]
    return replace(problem, tests=tuple(tests))


def _passed(one: Candidate) -> bool:
    return one.judgement is not None and one.judgement.verdict is Verdict.PASSED


def _tests_passed(one: Candidate) -> int:
    return 0 if one.judgement is None else one.judgement.tests_passed


def as_fault(error: BaseException) -> BaseException:
    """Return what to raise: a known error as it is, another one as a fault of the generator."""
    if isinstance(error, InputError | InfraError) or not isinstance(error, Exception):
        return error
    fault = InfraError(f"the generator failed: {type(error).__name__}: {error}")
    fault.__cause__ = error
    return fault
