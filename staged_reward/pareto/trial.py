"""One timed run of a recipe: what it kept, scored or chose, and the seconds that took.

Seconds are wall time from programs in memory to the ranking, deduplication included, reading of files not. Workers are
started and the reward model is loaded before. Stages that overlap are timed as they run.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from time import perf_counter
from typing import Any

from staged_reward.errors import InfraError
from staged_reward.limits import Limits
from staged_reward.pareto.processes import run_in_processes
from staged_reward.pareto.recipe import Recipe
from staged_reward.problem import Judgement, Problem, Verdict
from staged_reward.rankers import Ranked, rank
from staged_reward.samples import Sample
from staged_reward.sandbox.shared import MIN_PROGRAMS
from staged_reward.scoring import Scorer
from staged_reward.summary import summarise
from staged_reward.verifier import StagedVerifier, TimeLimit

NUM_DRAWS = 3  # of n candidates per problem, on which a strategy is tried


@dataclass(frozen=True, slots=True)
class Settings:
    """What all trials have in common.

    Attributes:
        workers: Processes; None for one per core.
        time_limit: As of `StagedVerifier`.
        limits: What a program may use.
        require_isolation: As of `StagedVerifier`.
        keep_timeouts: Let what a test filter stopped for its time go on to the ranker, as the reference implementation of
            the paper does; its text removes it.
    """

    workers: int | None = None
    time_limit: TimeLimit = "siblings"
    limits: Limits = field(default_factory=Limits)
    require_isolation: str = "confined"
    keep_timeouts: bool = False


@dataclass(slots=True)
class Trial:
    """What one run gave.

    Attributes:
        seconds: Until everything is judged; by ranker, what ordering took after that.
        ranker_seconds: By ranker.
        stages: By stage, wall and CPU seconds summed over workers, and how many programs it looked at.
        kept: By sample: whether the filters left it; of `full` and `processes`, whether it then passes every test.
        scores: By sample; None without an ORM.
        tests_passed: By sample; of `count` alone.
        losses: Of a strategy: by n and problem, how often a draw of n had a correct program that was not chosen, as a share
            of the draws.
        num_run: Distinct programs that a strategy ran.
        num_programs: That went through, where those are not all samples.
    """

    seconds: float
    ranker_seconds: dict[str, float] = field(default_factory=dict)
    stages: dict[str, dict[str, float]] = field(default_factory=dict)
    kept: list[bool] = field(default_factory=list)
    scores: list[float | None] | None = None
    tests_passed: list[int] | None = None
    losses: dict[str, list[float]] = field(default_factory=dict)
    num_run: int | None = None
    num_programs: int | None = None

    def to_row(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return asdict(self)


class KnownScores:
    """Passes programs on to a scorer, keeps what it says, and then answers from that: a score depends on its text alone.

    Attributes:
        is_timed: Everything is passed on, as if this were not there; nothing is answered from what is known.
    """

    def __init__(self, scorer: Scorer) -> None:
        self.is_timed = True
        self._scorer = scorer
        self._known: dict[tuple[str, str], float] = {}

    def score(self, prompts: Sequence[str], programs: Sequence[str]) -> list[float]:
        """Return one raw logit per program."""
        keys = list(zip(prompts, programs, strict=True))
        asked = keys if self.is_timed else [key for key in dict.fromkeys(keys) if key not in self._known]
        if asked:
            scores = self._scorer.score([prompt for prompt, _ in asked], [program for _, program in asked])
            self._known.update(zip(asked, scores, strict=True))
        return [self._known[key] for key in keys]


class Trials:
    """Runs recipes on one file of samples.

    Args:
        samples: With their problems.
        passed: Whether each sample passes the full suite; the yardstick of every accuracy.
        scorers: By the names that recipes use; of a reward model trained with several seeds, all of them.
        settings: Of all runs.
        best_of: The n of the draws that strategies are tried on.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        passed: Sequence[bool],
        scorers: Mapping[str, Sequence[Scorer]],
        settings: Settings,
        best_of: Sequence[int],
    ) -> None:
        self._problems = [sample.problem for sample in samples]
        self._programs = [sample.program for sample in samples]
        self._passed = passed
        self._scorers = scorers
        self._settings = settings
        self._best_of = best_of
        self._positions: dict[str, list[int]] = defaultdict(list)
        for position, problem in enumerate(self._problems):
            self._positions[problem.task_id].append(position)

    def run(self, recipe: Recipe, number: int) -> Trial:
        """Run and time a recipe.

        Args:
            recipe: What to run.
            number: Of the trial, from 0. The first ones, one for each seed of the reward model, also keep what the accuracy
                is made of, and try a strategy on draws; the seeds take turns.

        Raises:
            InfraError: A program has no outcome for a fault of ours.
        """
        if recipe.mode == "processes":
            return self._run_processes()
        seeds = self._seeds(recipe)
        seed = seeds[number % len(seeds)]
        scorer = None if seed is None else KnownScores(seed)
        with self._verifier(recipe, scorer) as verifier:
            warm_up(verifier, self._problems)
            is_strategy = recipe.mode == "strategy"
            trial = self._choose(recipe, verifier, number) if is_strategy else self._verify(recipe, verifier)
        if number >= len(seeds):
            trial.kept, trial.scores, trial.tests_passed = [], None, None
        elif recipe.mode == "strategy":
            if scorer is not None:
                scorer.is_timed = False
            trial.losses = self._losses(recipe, scorer)
        return trial

    def num_seeds(self, recipe: Recipe) -> int:
        """Return how many seeds of its reward model a recipe has; 1 without one."""
        return len(self._seeds(recipe))

    def _seeds(self, recipe: Recipe) -> Sequence[Scorer | None]:
        return [None] if recipe.orm is None else self._scorers[recipe.orm]

    def _verifier(self, recipe: Recipe, scorer: Scorer | None) -> StagedVerifier:
        settings = self._settings
        return StagedVerifier(
            recipe.filters,
            scorer,
            full=recipe.mode in ("full", "count"),
            count_tests=recipe.mode == "count",
            spare_removed=True,
            workers=settings.workers,
            limits=settings.limits,
            time_limit=settings.time_limit,
            order=recipe.order,
            require_isolation=settings.require_isolation,
        )

    def _verify(self, recipe: Recipe, verifier: StagedVerifier) -> Trial:
        started = perf_counter()
        is_idle = not recipe.filters and recipe.orm is None and recipe.mode == "filter"
        judgements = [] if is_idle else verifier.verify(self._problems, self._programs)
        scores = [judgement.score for judgement in judgements]
        if verifier.scorer is not None:
            self._score_kept_timeouts(verifier.scorer, judgements, scores)
        trial = Trial(perf_counter() - started)
        if is_idle:
            trial.kept = [program is not None for program in self._programs]
        else:
            _refuse_faults(judgements)
            trial.stages = _stages(judgements, verifier)
            trial.kept = [
                j.filtered_by is None and j.program is not None if recipe.mode == "count" else self._keeps(j)
                for j in judgements
            ]
            trial.scores = scores if recipe.orm is not None else None
            trial.tests_passed = [j.tests_passed for j in judgements] if recipe.mode == "count" else None
        for ranker in recipe.rankers:
            started = perf_counter()
            self._rank(ranker, trial, judgements)
            trial.ranker_seconds[ranker] = perf_counter() - started
        return trial

    def _score_kept_timeouts(self, scorer: Scorer, judgements: Sequence[Judgement], scores: list[float | None]) -> None:
        """Score what only `keep_timeouts` keeps."""
        late = [place for place, judgement in enumerate(judgements) if self._keeps(judgement) and not judgement.passed]
        found = scorer.score(
            [self._problems[place].prompt for place in late], [self._programs[place] or "" for place in late]
        )
        for place, score in zip(late, found, strict=True):
            scores[place] = score

    def _keeps(self, judgement: Judgement) -> bool:
        is_late = judgement.verdict is Verdict.TIMEOUT and judgement.stage == "tests"
        return judgement.passed or (self._settings.keep_timeouts and is_late)

    def _rank(self, ranker: str, trial: Trial, judgements: Sequence[Judgement]) -> None:
        """Order what was kept, as someone does who wants the best of it."""
        for task_id, positions in self._positions.items():
            kept = [position for position in positions if trial.kept[position]]
            ranked = [
                Ranked(
                    self._programs[position] or "",
                    tests_passed=trial.tests_passed[position] if trial.tests_passed else 0,
                    score=trial.scores[position] if trial.scores else None,
                    copies=judgements[position].count if judgements else None,
                )
                for position in kept
            ]
            rank("random" if ranker == "full" else ranker, task_id, ranked)

    def _choose(self, recipe: Recipe, verifier: StagedVerifier, number: int) -> Trial:
        """Time a strategy on one draw of the largest n: what it spares depends on how many candidates there are."""
        order = [position for positions in self._draw(max(self._best_of), number).values() for position in positions]
        problems, programs = self._at(order)
        started = perf_counter()
        choices = verifier.choose(problems, programs, recipe.strategy, seed=number)
        seconds = perf_counter() - started
        _refuse_fault_count(sum(choice.num_faults for choice in choices))
        judgements = [judgement for choice in choices for _, judgement in choice.judgements]
        return Trial(
            seconds,
            {recipe.strategy: 0.0},
            _stages(judgements, verifier),
            num_run=sum(choice.num_run for choice in choices),
            num_programs=len(order),
        )

    def _draw(self, n: int, number: int) -> dict[str, list[int]]:
        """Return n positions per problem."""
        return {
            task_id: random.Random(f"{task_id}/{n}/{number}").sample(positions, n)
            for task_id, positions in self._positions.items()
        }

    def _at(self, order: Sequence[int]) -> tuple[list[Problem], list[str | None]]:
        return [self._problems[position] for position in order], [self._programs[position] for position in order]

    def _losses(self, recipe: Recipe, scorer: Scorer | None) -> dict[str, list[float]]:
        """Try a strategy on draws of n candidates per problem."""
        losses: dict[str, list[float]] = {}
        with self._verifier(recipe, scorer) as verifier:
            for n in self._best_of:
                lost = [0] * len(self._positions)
                for draw in range(NUM_DRAWS):
                    for place, is_lost in enumerate(self._lost(recipe, verifier, n, draw)):
                        lost[place] += is_lost
                losses[str(n)] = [count / NUM_DRAWS for count in lost]
        return losses

    def _lost(self, recipe: Recipe, verifier: StagedVerifier, n: int, draw: int) -> list[bool]:
        """Return by problem whether a draw had a correct program, and another was chosen."""
        drawn = self._draw(n, draw)
        order = [position for positions in drawn.values() for position in positions]
        choices = verifier.choose(*self._at(order), recipe.strategy, seed=draw)
        _refuse_fault_count(sum(choice.num_faults for choice in choices))
        lost = []
        for choice, positions in zip(choices, drawn.values(), strict=True):
            is_right = choice.position is not None and self._passed[order[choice.position]]
            lost.append(not is_right and any(self._passed[position] for position in positions))
        return lost

    def _run_processes(self) -> Trial:
        verifier = StagedVerifier((), workers=self._settings.workers)
        started = perf_counter()
        kept = run_in_processes(self._problems, self._programs, verifier.num_workers, self._settings.limits.cpu_seconds)
        return Trial(perf_counter() - started, {"full": 0.0}, kept=kept)


def warm_up(verifier: StagedVerifier, problems: Sequence[Problem]) -> None:
    """Start the workers and all of their sandboxes, and load the model, on a problem of the data."""
    chosen = list({id(problem): problem for problem in problems}.values())[: verifier.num_workers]
    verifier.verify(chosen, [problem.solution or "pass" for problem in chosen])
    num_each = 4 * verifier.num_workers  # so that each worker has some
    for source, num in (("number", num_each * (MIN_PROGRAMS + 1)), ("import numpy, requests\nnumber", num_each)):
        verifier.verify([chosen[0]] * num, [f"{source} = {number}" for number in range(num)])
    if verifier.history is not None:
        verifier.history.filters.clear()
        verifier.history.tests.clear()
    if verifier.scorer is not None:
        verifier.scorer.score([""], [""])


def _stages(judgements: Sequence[Judgement], verifier: StagedVerifier) -> dict[str, dict[str, float]]:
    stages = dict.fromkeys([*verifier.stages, *(result.stage for j in judgements for result in j.stages)])
    return {
        summary.stage: {"seconds": summary.seconds, "cpu_seconds": summary.cpu_seconds, "programs": summary.num_run}
        for summary in summarise(judgements, stages)
        if summary.num_run
    }


def _refuse_faults(judgements: Sequence[Judgement]) -> None:
    _refuse_fault_count(sum(judgement.verdict is Verdict.INFRA_ERROR for judgement in judgements))


def _refuse_fault_count(num_faults: int) -> None:
    if num_faults:
        raise InfraError(
            f"{num_faults:,} programs have no outcome for a fault of the verifier; no figure is made of that"
        )
