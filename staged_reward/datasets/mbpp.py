"""MBPP rows, full and sanitized: a text, and a list of asserts.

The full version has `text` and `test_setup_code`; the sanitized one has `prompt` and `test_imports`. Challenge tests
are no tests here. MBPP+ rows, which hold their many tests in a column `test`, are not read here.

Source: Austin et al. (arXiv 2108.07732).
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Any

from staged_reward.asserts import bound_names, parse
from staged_reward.errors import InputError
from staged_reward.fields import optional, python, required, strings, task_id, text_or_chat
from staged_reward.problem import Problem
from staged_reward.suites import convert_snippets, without_vacuous

COLUMNS = frozenset({"task_id", "code", "test_list"})


def matches(row: Mapping[str, Any]) -> bool:
    """Tell by the names of its columns whether a row has this schema."""
    return row.keys() >= COLUMNS and "test" not in row


def to_problem(row: Mapping[str, Any]) -> Problem:
    """Convert a row. The entry point is what the asserts call and the canonical code defines.

    Raises:
        InputError: A key is missing or has a value that cannot be used.
    """
    code = python(required(row, "code", str), "code")
    snippets = [python(snippet, f"test_list[{i}]") for i, snippet in enumerate(strings(row, "test_list"))]
    if not snippets:
        raise InputError("key 'test_list' is []; give at least one assert")
    setup = _setup(row)
    definitions = parse(code).body
    entry_point = _entry_point(definitions, snippets)
    is_class = any(isinstance(node, ast.ClassDef) and node.name == entry_point for node in definitions)
    tests = convert_snippets(snippets, None if is_class else entry_point, setup=setup)
    return Problem(
        task_id=task_id(row, "task_id"),
        prompt=text_or_chat(row, "text" if "text" in row else "prompt"),
        tests=tuple(without_vacuous(tests)),
        entry_point=entry_point,
        setup=setup,
        solution=code,
    )


def _setup(row: Mapping[str, Any]) -> str:
    if row.get("test_imports") is not None:
        return python("\n".join(strings(row, "test_imports")), "test_imports")
    return python(optional(row, "test_setup_code", str) or "", "test_setup_code")


def _entry_point(definitions: Sequence[ast.stmt], snippets: Sequence[str]) -> str:
    """The name that most asserts call, among those that the code defines at top level."""
    defined = bound_names(definitions)
    called = [name for snippet in snippets for name in dict.fromkeys(_called(snippet)) if name in defined]
    if not called:
        raise InputError("key 'test_list': the asserts call nothing that 'code' defines; correct one of the two")
    return max(called, key=called.count)


def _called(snippet: str) -> list[str]:
    return [
        node.func.id
        for node in ast.walk(parse(snippet))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
