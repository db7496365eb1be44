"""What a model is shown: messages that ask for a program, or a text to be gone on with, and solved examples before it."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from staged_reward.errors import InputError
from staged_reward.generation.generator import Prompt
from staged_reward.problem import Problem, StdioTest
from staged_reward.rows import read_rows

Style = Literal["auto", "chat", "plain"]


def prompt_of(
    problem: Problem,
    style: Style = "auto",
    *,
    row: Mapping[str, Any] | None = None,
    solved: Sequence[tuple[str, str]] = (),
) -> Prompt:
    """Return what a model is shown.

    Args:
        problem: To be solved.
        style: `chat` makes messages; `plain` gives the problem's prompt to be gone on with; `auto` is `plain` where the
            prompt begins a program, as HumanEval's, else `chat`.
        row: Of its data set, for `chat`.
        solved: Examples (prompt, answer) before it: turns of the chat, or texts with an empty line between.

    Raises:
        InputError: The style is unknown.
    """
    if style not in ("auto", "chat", "plain"):
        raise InputError(f"prompt style {style!r}; give 'auto', 'chat' or 'plain'")
    if style == "plain" or (style == "auto" and begins_a_program(problem.prompt)):
        return "".join(f"{prompt}{answer}\n\n" for prompt, answer in solved) + problem.prompt
    turns = [
        {"role": role, "content": text}
        for pair in solved
        for role, text in zip(("user", "assistant"), pair, strict=True)
    ]
    return [*turns, *chat_prompt(problem, row)]


def read_solved(path: str | Path) -> tuple[tuple[str, str], ...]:
    """Read solved examples: a JSONL file with `prompt` and `answer` per row.

    Raises:
        InputError: A row is another one.
    """
    solved = []
    for row in read_rows(path):
        prompt, answer = row.data.get("prompt"), row.data.get("answer")
        if not isinstance(prompt, str) or not isinstance(answer, str):
            raise row.error(f"keys {sorted(row.data)}; an example has the texts 'prompt' and 'answer'")
        solved.append((prompt, answer))
    return tuple(solved)


def chat_prompt(problem: Problem, row: Mapping[str, Any] | None = None) -> list[dict[str, str]]:
    """Return the messages that ask for the program.

    Args:
        problem: To be solved.
        row: Of its data set; MBPP's tests are meant to be seen.
    """
    request = problem.prompt.strip()
    if begins_a_program(request):
        request = f"Complete this function; repeat all of it, imports included:\n```python\n{request}\n```"
    elif row is not None and row.get("test_list"):
        request += "\nThe code has to pass these tests:\n```python\n" + "\n".join(row["test_list"]) + "\n```"
    elif problem.entry_point:
        request += f"\nTests call `{problem.entry_point}`."
    elif any(isinstance(test, StdioTest) for test in problem.tests):
        request += "\nThe program reads standard input and prints the answer."
    return [{"role": "user", "content": f"{request}\nAnswer with one block of Python code."}]


def begins_a_program(prompt: str) -> bool:
    """Tell whether the prompt is code to complete, as HumanEval's, and not prose."""
    try:
        body = ast.parse(prompt).body
    except (SyntaxError, ValueError):
        return False
    return any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in body)
