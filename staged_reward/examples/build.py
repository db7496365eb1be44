"""Make `candidates.jsonl` from the canonical solutions, `handwritten.jsonl` and `mutants.jsonl`.

    python -m staged_reward.examples.build

A row of `mutants.jsonl` names one mutant of a canonical solution: the operator, the line, and which of that operator's
mutants on that line. Labels stand in the two input files; nothing is run here, so whoever changes a row runs
`staged-reward verify --full` and compares.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from staged_reward.errors import InputError
from staged_reward.examples import CANDIDATES, PROBLEMS
from staged_reward.mutation import mutate

_HANDWRITTEN = PROBLEMS.with_name("handwritten.jsonl")
_MUTANTS = PROBLEMS.with_name("mutants.jsonl")
_ANSWERS = (
    "Here is a solution:\n\n```python\n{}```\n",
    "```python\n{}```\n\nThis handles all the cases in the task.\n",
)

Row = dict[str, Any]


def build() -> list[Row]:
    """The candidates of every problem, in the order of the problems; within a problem shuffled, always alike.

    Raises:
        InputError: A row of `mutants.jsonl` names a mutant that does not exist.
    """
    handwritten, mutants = _read(_HANDWRITTEN), _read(_MUTANTS)
    rows: list[Row] = []
    for problem in _read(PROBLEMS):
        task_id = problem["task_id"]
        group = [_row(problem, problem["solution"], "canonical", True)]
        group += [row for row in handwritten if row["task_id"] == task_id]
        group += _mutant_rows(problem, [row for row in mutants if row["task_id"] == task_id])
        random.Random(task_id).shuffle(group)
        rows += group
    return rows


def _mutant_rows(problem: Row, chosen: list[Row]) -> Iterator[Row]:
    """One candidate for each chosen mutant; every third one is dressed up as a chat answer."""
    for index, row in enumerate(chosen):
        candidate = _row(problem, _mutant(problem, row), f"mutant:{row['operator']}", row["label"])
        if index % 3 == 2:
            answer = _ANSWERS[index // 3 % len(_ANSWERS)]
            candidate = {("completion" if k == "solution" else k): v for k, v in candidate.items()}
            candidate["completion"] = answer.format(candidate["completion"])
        yield candidate


def _mutant(problem: Row, row: Row) -> str:
    on_line = [m for m in mutate(problem["solution"], operators=[row["operator"]]) if m.line == row["line"]]
    if row["occurrence"] >= len(on_line):
        raise InputError(
            f"{_MUTANTS.name}: {row['task_id']} has {len(on_line)} mutants by {row['operator']} on line {row['line']}, "
            f"so occurrence {row['occurrence']} does not exist; choose another and label it"
        )
    return on_line[row["occurrence"]].source


def _row(problem: Row, solution: str, note: str, label: bool) -> Row:
    return {"task_id": problem["task_id"], "solution": solution, "note": note, "label": label}


def _read(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def to_text(rows: list[Row]) -> str:
    """The rows as JSONL."""
    return "".join(json.dumps(row) + "\n" for row in rows)


if __name__ == "__main__":
    CANDIDATES.write_text(to_text(build()), encoding="utf-8")
