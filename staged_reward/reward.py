"""StagedReward: the verifier as a reward function of TRL's trainers.

TRL calls it with prompts, completions and the data set's columns; it finds each row's problem in the columns, verifies,
and returns one reward per completion. Hooks of the trainer (`log_metric`, `log_extra`) are used where they are passed.
"""

from __future__ import annotations

import asyncio
import json
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter, thread_time
from typing import Any, Literal

from staged_reward.datasets import SCHEMAS, native, problem_from_row
from staged_reward.errors import InfraError, InputError
from staged_reward.excerpt import shown
from staged_reward.gate import Gate
from staged_reward.ledger.entry import Entry
from staged_reward.ledger.ledger import Ledger
from staged_reward.ledger.metrics import call_metrics
from staged_reward.orm.cost import ScoringCost
from staged_reward.prices import read_prices
from staged_reward.problem import Judgement, Problem, Verdict
from staged_reward.schedule import Schedule, progress_of
from staged_reward.verifier import StagedVerifier, extract_all

MAX_KNOWN_PROBLEMS = 4096
_CONVERTING = threading.Lock()  # not of an object: it could not be pickled
_COUNTING = threading.Lock()
_NAMING_COLUMNS = ("task_id", "name", "problem_id", "question_id", "id")


class StagedReward:
    """A reward function for `GRPOTrainer`, `RLOOTrainer` and others that call reward functions as TRL does.

    0.0 for a completion that a stage removed. For survivors 1.0, or with an ORM a value in [0.5, 1] in the order of its
    scores (see `Gate`). With the full suite, 1.0 for what passes it and 0.0 for what does not. None where the verifier
    itself failed: TRL leaves such a row out of its group's baseline. Other reward functions go beside it, each with a
    name of its own; TRL adds up what is not None, and only a row that is None for all of them is left out.

    The data set says what to verify, in one of three ways: columns of a schema that `load_problems` knows, found by
    name; a column `problem` with a row of such a schema, as a mapping or as JSON; or a column `task_id` together with
    `problems`.

    Picklable, and callable from any thread.

    Args:
        verifier: A `StagedVerifier`; None for one with the defaults.
        problems: For data sets that carry only a `task_id`.
        gate: How outcomes and scores become rewards; None takes the verifier's, with its reward model's calibration.
        tests: How many tests a filter of tests runs, by progress of the training; None for what the verifier says.
        orm_weight: Takes the place of the gate's, by progress.
        name: What the trainer calls it in its metrics.
        max_infra_rate: Largest share of a call's completions that may come back as None for a fault of the verifier.
        deadline_seconds: Of a call. What has no outcome then gets None, and counts in the metric `late_frac`.
        ledger: A `Ledger`, or the folder of one: every call is written down there, and a part of its completions is audited
            by the full suite in the background.
        log_to: `wandb` logs to its open run where the trainer passes no `log_metric`.
    """

    def __init__(
        self,
        verifier: StagedVerifier | None = None,
        *,
        problems: Sequence[Problem] = (),
        gate: Gate | None = None,
        tests: Schedule | None = None,
        orm_weight: Schedule | None = None,
        name: str = "staged_reward",
        max_infra_rate: float = 0.2,
        deadline_seconds: float = math.inf,
        ledger: Ledger | str | Path | None = None,
        log_to: Literal["wandb"] | None = None,
    ) -> None:
        if not 0 <= max_infra_rate <= 1:
            raise InputError(f"max_infra_rate={max_infra_rate}; give a share from 0 to 1")
        self.verifier = verifier or StagedVerifier()
        self.gate = gate or self.verifier.gate
        self.tests = tests
        self.orm_weight = orm_weight
        if not deadline_seconds > 0:
            raise InputError(f"deadline_seconds={deadline_seconds}; give a number above 0")
        self.deadline_seconds = deadline_seconds
        self.max_infra_rate = max_infra_rate
        if log_to not in (None, "wandb"):
            raise InputError(f"log_to={log_to!r}; give 'wandb', or None")
        self.ledger = Ledger(ledger) if isinstance(ledger, str | Path) else ledger
        self.log_to = log_to
        self._price = read_prices()[0] if self.ledger is None else self.ledger.price
        self.__name__ = name
        self._by_id = {problem.task_id: problem for problem in problems}
        self._known: dict[str, tuple[Mapping[str, Any] | str, Problem]] = {}
        self._scored = ScoringCost()  # what calls have accounted for

    def __call__(
        self,
        prompts: Sequence[Any],
        completions: Sequence[Any],
        completion_ids: Sequence[Sequence[int]] | None = None,
        *,
        trainer_state: object = None,
        log_extra: Callable[[str, list[Any]], None] | None = None,
        log_metric: Callable[[str, float], None] | None = None,
        **columns: Any,
    ) -> list[float | None]:
        """Reward completions.

        Args:
            prompts: Text or chat messages, one per completion.
            completions: Text or chat messages.
            completion_ids: Counted.
            trainer_state: The trainer's; says how far the training is, for schedules.
            log_extra: The trainer's hook for columns of its table of completions.
            log_metric: The trainer's hook for numbers. The same names at every call.
            **columns: The data set's columns, one value per completion.

        Returns:
            One reward per completion.

        Raises:
            InputError: No problem can be found in the columns.
            InfraError: More than `max_infra_rate` of the completions could not be verified.
        """
        if not completions:
            return []
        started, started_cpu = perf_counter(), thread_time()
        columns = {name: values for name, values in columns.items() if _is_column(values, len(completions))}
        problems = [self._problem(index, prompt, columns) for index, prompt in enumerate(prompts)]
        progress = progress_of(trainer_state)
        num_tests = None if self.tests is None else round(self.tests.at(progress))
        programs = extract_all(problems, completions)
        judgements = self.verifier.verify(
            problems, programs, num_tests=num_tests, deadline_seconds=self.deadline_seconds
        )
        gate = self.gate if self.orm_weight is None else replace(self.gate, orm_weight=self.orm_weight.at(progress))
        entry = self._entry(judgements, completion_ids, perf_counter() - started, thread_time() - started_cpu)
        if self.ledger is not None:
            step = getattr(trainer_state, "global_step", None)
            self.ledger.record(entry, judgements, problems, self.verifier, gate, step=step)
        self._log(entry, log_metric)
        if log_extra is not None:
            log_extra(f"{self.__name__}/verdict", [str(judgement.verdict) for judgement in judgements])
        self._stop_if_broken(judgements)
        return gate.rewards(judgements, [id(problem) for problem in problems])

    def _problem(self, index: int, prompt: Any, columns: Mapping[str, Any]) -> Problem:
        row = {key: values[index] for key, values in columns.items()}
        if isinstance(row.get("problem"), str):
            return self._remember(row["problem"], row["problem"])
        if "problem" in row:
            return self._convert(_problem_row(row["problem"]))
        if self._by_id and str(row.get("task_id")) in self._by_id:
            return self._by_id[str(row["task_id"])]
        row = {"prompt": prompt, **row}
        if self._by_id and "task_id" in row and not any(schema.matches(row) for schema in SCHEMAS):
            known = f"the {len(self._by_id)} problems given"
            raise InputError(f"column 'task_id' has {row['task_id']!r}, which is not among {known}; add it")
        if native.matches(row):
            row = {key: row[key] for key in native.KEYS & row.keys()}
        return self._convert(row)

    def _convert(self, row: Mapping[str, Any]) -> Problem:
        key = next((f"{column}={row[column]}" for column in _NAMING_COLUMNS if column in row), "") or str(row)
        return self._remember(key, row)

    def _remember(self, key: str, source: Mapping[str, Any] | str) -> Problem:
        """Return the same object for equal rows, so that the completions of one prompt are one group; convert them once."""
        with _CONVERTING:
            known = self._known.pop(key, None)
            if known is None or known[0] != source:
                known = (source, problem_from_row(_problem_row(source) if isinstance(source, str) else source))
            self._known[key] = known  # at the end: the first one is the longest unused
            if len(self._known) > MAX_KNOWN_PROBLEMS:
                self._known.pop(next(iter(self._known)), None)
            return known[1]

    def _entry(
        self,
        judgements: Sequence[Judgement],
        completion_ids: Sequence[Sequence[int]] | None,
        seconds: float,
        own_cpu_seconds: float,
    ) -> Entry:
        scorer = self.verifier.scorer
        has_scored = any(judgement.score is not None for judgement in judgements)
        on_gpu = has_scored and getattr(scorer, "is_on_gpu", lambda: False)()
        return Entry.of(
            judgements,
            self.verifier.stages,
            seconds=seconds,
            cpu_seconds=own_cpu_seconds + self.verifier.take_children_cpu_seconds(),
            num_tokens=sum(map(len, completion_ids or ())),
            dollars=self._price.dollars_of(seconds, self.verifier.num_workers, on_gpu=on_gpu),
            scoring=self._new_scoring(),
        )

    def _new_scoring(self) -> ScoringCost:
        """Return what the reward model computed since this was asked last: every pass counts once, a late one later."""
        with _COUNTING:
            now: ScoringCost = getattr(self.verifier.scorer, "cost", ScoringCost())
            new, self._scored = now - self._scored, now
            return new

    def _log(self, entry: Entry, log_metric: Callable[[str, float], None] | None) -> None:
        """Log to the trainer, or to wandb itself where the trainer has no hook."""
        metrics = call_metrics(entry, self.verifier.stages)
        if log_metric is not None:
            for name, value in metrics.items():
                log_metric(f"{self.__name__}/{name}", value)
        elif self.log_to == "wandb":
            import wandb

            if wandb.run is None:
                raise InputError("log_to='wandb', but no run is open; call wandb.init first, or leave it out")
            if self.ledger is not None:
                metrics |= self.ledger.metrics()
            wandb.log({f"{self.__name__}/{name}": value for name, value in metrics.items()})

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_scored": ScoringCost()}  # the copy's reward model has computed nothing

    def close(self) -> None:
        """End the audits and the verifier's processes. A later call starts them again."""
        if self.ledger is not None:
            self.ledger.close()
        self.verifier.close()

    def _stop_if_broken(self, judgements: Sequence[Judgement]) -> None:
        broken = [judgement for judgement in judgements if judgement.verdict is Verdict.INFRA_ERROR]
        if len(broken) > self.max_infra_rate * len(judgements):
            raise InfraError(
                f"{len(broken)} of {len(judgements)} completions could not be verified, above max_infra_rate="
                f"{self.max_infra_rate}; the first: {broken[0].detail}; see `staged-reward doctor`"
            )


class AsyncStagedReward:
    """A reward that is awaited: it runs on a thread, beside other awaited rewards and whatever else the loop does.

    `AsyncGRPOTrainer` runs plain rewards on threads itself; `GRPOTrainer` and `RLOOTrainer` await such rewards together. To
    a trainer that asks `inspect.iscoroutinefunction`, which objects never are, give the method `staged_reward`.

    Picklable.

    Args:
        reward: What is run.
    """

    def __init__(self, reward: StagedReward) -> None:
        self.reward = reward
        self.__name__ = reward.__name__

    async def __call__(self, *arguments: Any, **columns: Any) -> list[float | None]:
        """Reward completions as `StagedReward` does."""
        return await asyncio.to_thread(self.reward, *arguments, **columns)

    async def staged_reward(self, *arguments: Any, **columns: Any) -> list[float | None]:
        """Do the same, as a coroutine function with a name."""
        return await self(*arguments, **columns)


def _is_column(values: Any, num_rows: int) -> bool:
    """Whether a keyword argument is a column of the data set: trainers add objects of their own."""
    return isinstance(values, Sequence) and not isinstance(values, str) and len(values) == num_rows


def _problem_row(value: Any) -> Mapping[str, Any]:
    """Return what a column `problem` holds."""
    try:
        row = json.loads(value) if isinstance(value, str) else value
    except json.JSONDecodeError as error:
        raise InputError(
            f"column 'problem' is {shown(value)}, which is not JSON ({error}); rename or remove it"
        ) from error
    if not isinstance(row, Mapping):
        raise InputError(f"column 'problem' is {shown(value)}; give a problem's row, as a mapping or as JSON")
    return row
