"""CodeContests rows: standard input to standard output, with public, private and generated tests.

Problems that read or write named files are refused. Of the solutions, only the first in Python 3 is used.

Source: Li et al. (arXiv 2203.07814), the columns of `deepmind/code_contests`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from staged_reward.errors import InputError
from staged_reward.excerpt import shown
from staged_reward.fields import optional, required, strings, task_id, text_or_chat
from staged_reward.problem import Problem, StdioTest

COLUMNS = frozenset({"name", "public_tests", "private_tests", "generated_tests"})

_PYTHON3 = 3  # of the data set's enumeration of languages
_MIB = 2**20


def matches(row: Mapping[str, Any]) -> bool:
    """Tell by the names of its columns whether a row has this schema."""
    return row.keys() >= COLUMNS


def to_problem(row: Mapping[str, Any]) -> Problem:
    """Convert a row. Limits of zero mean that the data set states none.

    Raises:
        InputError: A key is missing or has a value that cannot be used.
    """
    for key in ("input_file", "output_file"):
        if row.get(key):
            raise InputError(f"key {key!r} is {shown(row[key])}; only standard input and output work, drop the problem")
    groups = ("public_tests", "private_tests", "generated_tests")
    tests = tuple(test for key in groups for test in _tests(row, key))
    if not tests:
        raise InputError("keys 'public_tests', 'private_tests' and 'generated_tests' hold no test; drop the problem")
    return Problem(
        task_id=task_id(row, "name"),
        prompt=text_or_chat(row, "description"),
        tests=tests,
        solution=_solution(row),
        time_limit_seconds=_time_limit_seconds(row),
        memory_limit_mib=_memory_limit_mib(row),
    )


def _tests(row: Mapping[str, Any], key: str) -> list[StdioTest]:
    group = optional(row, key, dict)
    if group is None:
        return []
    inputs, outputs = strings(group, "input", f"{key}."), strings(group, "output", f"{key}.")
    if len(inputs) != len(outputs):
        raise InputError(f"key {key!r} has {len(inputs)} inputs and {len(outputs)} outputs; give one output per input")
    return [StdioTest(stdin, stdout) for stdin, stdout in zip(inputs, outputs, strict=True)]


def _solution(row: Mapping[str, Any]) -> str | None:
    solutions = optional(row, "solutions", dict)
    if solutions is None:
        return None
    languages = required(solutions, "language", list, "solutions.")
    sources = strings(solutions, "solution", "solutions.")
    return next((source for language, source in zip(languages, sources, strict=False) if language == _PYTHON3), None)


def _time_limit_seconds(row: Mapping[str, Any]) -> float | None:
    limit = optional(row, "time_limit", dict) or {}
    seconds = optional(limit, "seconds", int, "time_limit.") or 0
    nanos = optional(limit, "nanos", int, "time_limit.") or 0
    if seconds < 0 or nanos < 0:
        raise InputError(f"key 'time_limit' is {shown(limit)}; give a limit that is not negative")
    return seconds + nanos / 1e9 or None


def _memory_limit_mib(row: Mapping[str, Any]) -> int | None:
    """Rounded up, so that no program is refused what the data set grants."""
    limit = optional(row, "memory_limit_bytes", int) or 0
    if limit < 0:
        raise InputError(f"key 'memory_limit_bytes' is {limit}; give a limit that is not negative")
    return -(-limit // _MIB) or None
