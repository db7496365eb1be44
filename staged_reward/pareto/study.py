"""Leads the trials of all recipes, and keeps them on disk: a killed study goes on where it was.

Trials of all recipes come in turn (each recipe once, then each once more), so that what slows the machine for a while slows
all alike.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from staged_reward.errors import InputError
from staged_reward.journal import Journal
from staged_reward.normalise import identity
from staged_reward.pareto.accuracy import Case
from staged_reward.pareto.recipe import Recipe
from staged_reward.pareto.trial import Trials
from staged_reward.samples import Sample

BEST_OF = (1, 2, 4, 8, 16, 32, 64)
YARDSTICK_TRIALS = 3  # of one process per program, however long they take


@dataclass(frozen=True, slots=True)
class Measured:
    """All trials of one recipe.

    Attributes:
        recipe: What ran.
        seconds: Of each trial, until everything is judged.
        ranker_seconds: By ranker, of each trial, what ordering took after that.
        stages: Of the trials together: by stage, mean wall and CPU seconds summed over workers, and programs.
        accurate: The trials with what the accuracy is made of: one for each seed of the reward model.
    """

    recipe: Recipe
    seconds: list[float]
    ranker_seconds: dict[str, list[float]]
    stages: dict[str, dict[str, float]]
    accurate: list[Mapping[str, Any]]


class Candidates:
    """All samples by problem, as the measures need them.

    Args:
        samples: With their problems.
        passed: Whether each passes the full suite.
    """

    def __init__(self, samples: Sequence[Sample], passed: Sequence[bool]) -> None:
        self.passed = passed
        self.positions: dict[str, list[int]] = defaultdict(list)
        for position, sample in enumerate(samples):
            self.positions[sample.problem.task_id].append(position)
        self._programs = [sample.program or "" for sample in samples]
        numbers: dict[bytes, int] = {}
        self._keys = [numbers.setdefault(identity(program), len(numbers)) for program in self._programs]

    def cases(
        self,
        kept: Sequence[bool] | None = None,
        scores: Sequence[float | None] | None = None,
        tests_passed: Sequence[int] | None = None,
    ) -> list[Case]:
        """Return the candidates of each problem, with what one run found out; None of `kept` keeps all."""
        return [self._case(task_id, kept, scores, tests_passed) for task_id in self.positions]

    def _case(
        self,
        task_id: str,
        kept: Sequence[bool] | None,
        scores: Sequence[float | None] | None,
        tests_passed: Sequence[int] | None,
    ) -> Case:
        positions = self.positions[task_id]
        keys = [self._keys[position] for position in positions]
        counts = Counter(keys)
        return Case(
            task_id=task_id,
            programs=[self._programs[position] for position in positions],
            copies=[counts[key] for key in keys],
            keys=keys,
            passed=[self.passed[position] for position in positions],
            kept=[kept is None or kept[position] for position in positions],
            scores=None if scores is None else [scores[position] for position in positions],
            tests_passed=None if tests_passed is None else [tests_passed[position] for position in positions],
        )

    @property
    def num_distinct(self) -> int:
        """Distinct programs, formatting aside."""
        by_problem = ({self._keys[position] for position in positions} for positions in self.positions.values())
        return sum(map(len, by_problem))

    def by_problem(self, flags: Sequence[bool]) -> list[list[bool]]:
        """Return a flag of every sample by problem and candidate."""
        return [[flags[position] for position in positions] for positions in self.positions.values()]


def best_of_sizes(samples: Sequence[Sample]) -> tuple[int, ...]:
    """Return the n of Best-of-n that every problem has enough samples for.

    Raises:
        InputError: There are no samples.
    """
    counts = Counter(sample.problem.task_id for sample in samples)
    if not counts:
        raise InputError("there are no samples; give at least one per problem")
    return tuple(n for n in BEST_OF if n <= min(counts.values()))


def measure(
    recipes: Sequence[Recipe],
    num_trials: int,
    trials: Trials,
    journal: Journal,
    on_trial: Callable[[Recipe, int, int], None],
    row_seconds: float = float("inf"),
) -> list[Measured]:
    """Run what the journal does not hold yet, and return all of it.

    Args:
        recipes: What to run.
        num_trials: Of each recipe; probes run once.
        trials: Runs them.
        journal: Position in it: trial × recipes + recipe.
        row_seconds: A recipe whose trials took that long in total gets no more of them; one for each seed it always gets,
            and `processes` three.
        on_trial: Called before each trial with recipe, number and how many trials are done, those on disk included.
    """
    rows: dict[Recipe, list[Mapping[str, Any]]] = {recipe: [] for recipe in recipes}
    for number in range(num_trials):
        for place, recipe in enumerate(recipes):
            known = rows[recipe]
            is_costly = sum(row["seconds"] for row in known) >= row_seconds
            least = YARDSTICK_TRIALS if recipe.mode == "processes" else trials.num_seeds(recipe)
            if number and (recipe.is_probe or (is_costly and number >= least)):
                continue
            on_trial(recipe, number, sum(map(len, rows.values())))
            position = number * len(recipes) + place
            if position not in journal.rows:
                trial = trials.run(recipe, number)
                journal.add([(position, {"recipe": recipe.key, "trial": number, **trial.to_row()})])
            known.append(journal.rows[position])
    return [_measured(recipe, found) for recipe, found in rows.items()]


def _measured(recipe: Recipe, rows: Sequence[Mapping[str, Any]]) -> Measured:
    stages = {
        stage: {name: sum(row["stages"][stage][name] for row in rows) / len(rows) for name in values}
        for stage, values in rows[0]["stages"].items()
    }
    return Measured(
        recipe=recipe,
        seconds=[row["seconds"] for row in rows],
        ranker_seconds={name: [row["ranker_seconds"][name] for row in rows] for name in recipe.rankers},
        stages=stages,
        accurate=[row for row in rows if row["kept"] or row["losses"]],
    )
