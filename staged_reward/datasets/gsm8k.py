"""GSM8K rows as programs (PAL): a question in words, answered by a function `solution()` that returns the number.

Source: Cobbe et al. (arXiv 2110.14168); Gao et al. (arXiv 2211.10435) for programs as answers, and their tolerance of 0.001.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from staged_reward.errors import InputError
from staged_reward.excerpt import shown
from staged_reward.fields import required, task_id
from staged_reward.problem import CallTest, Problem

COLUMNS = frozenset({"question", "answer"})
ENTRY_POINT = "solution"
CHECK = "abs(result - expected) <= 0.001"
_ANSWER = re.compile(r"####\s*\$?(-?[\d,]*\.?\d+)\s*\Z")
_REQUEST = f"Write a function `{ENTRY_POINT}()` without arguments that computes and returns the answer as a number."


def matches(row: Mapping[str, Any]) -> bool:
    """Tell by the names of its columns whether a row has this schema."""
    return row.keys() >= COLUMNS and row.keys().isdisjoint({"test", "tests", "input_output", "solutions"})


def to_problem(row: Mapping[str, Any]) -> Problem:
    """Convert a row. Without a `task_id`, the problem is named by a digest of its question.

    Raises:
        InputError: A key is missing, or the answer does not end with `#### NUMBER`.
    """
    question, answer = required(row, "question", str), required(row, "answer", str)
    found = _ANSWER.search(answer)
    if found is None:
        raise InputError(f"key 'answer' is {shown(answer)}; it must end with '#### NUMBER'")
    number = float(found[1].replace(",", ""))
    digest = hashlib.sha256(question.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return Problem(
        task_id=task_id(row, "task_id") if "task_id" in row else f"gsm8k/{digest}",
        prompt=f"{question.strip()}\n{_REQUEST}",
        tests=(CallTest(expected=int(number) if number.is_integer() else number, check=CHECK),),
        entry_point=ENTRY_POINT,
    )
