"""Large `stdio` suites out of the examples."""

from __future__ import annotations

import json

import pytest

from staged_reward.datasets import problem_from_row
from staged_reward.errors import InputError
from staged_reward.examples import PROBLEMS
from staged_reward.examples.large import GENERATORS, candidates, large_problem
from staged_reward.verifier import StagedVerifier

ROWS = {row["task_id"]: row for row in map(json.loads, PROBLEMS.read_text().splitlines())}


@pytest.mark.parametrize("task_id", GENERATORS)
def test_the_solution_passes_and_the_problem_is_the_same_each_time(task_id: str) -> None:
    row = large_problem(ROWS[task_id], 8, seed=1)
    assert row == large_problem(ROWS[task_id], 8, seed=1)
    assert row["tests"] != large_problem(ROWS[task_id], 8, seed=2)["tests"]
    problem = problem_from_row(row)
    assert len(problem.tests) == 8
    with StagedVerifier((), full=True, workers=1) as verifier:
        [judgement] = verifier.verify([problem], [problem.solution])
    assert judgement.passed


def test_candidates_repeat_and_are_the_same_each_time() -> None:
    row = ROWS["examples/13-clinic-queue"]
    drawn = candidates(row, 64, seed=1)
    assert drawn == candidates(row, 64, seed=1)
    sources = [item["solution"] for item in drawn]
    assert 0.05 <= sources.count(row["solution"]) / 64 <= 0.3
    assert len(set(sources)) < 64


def test_a_problem_without_a_generator_is_refused() -> None:
    with pytest.raises(InputError, match="no generator"):
        large_problem(ROWS["examples/01-ferry-loads"], 8, seed=1)
