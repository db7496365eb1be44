r"""The package's own schema: one row per problem, tests of the three kinds side by side. It is strict.

    {"task_id": "...", "prompt": "...", "entry_point": "f", "tests": [
       {"type": "call", "args": [1, 2], "kwargs": {}, "expected": 3},
       {"type": "call", "args": [2], "check": "abs(result - 1.4142) < 1e-4"},
       {"type": "stdio", "stdin": "1 2\n", "stdout": "3\n"},
       {"type": "assert", "code": "assert f(1, 2) == 3"}]}

Optional: `setup`, `solution`, `time_limit_seconds`, `memory_limit_mib`. A null stands for an optional key left out, and
for the keys of another type of test, as columnar storage fills them in. An `assert` test that converts becomes a
`CallTest`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from staged_reward.checks import uses_expected, validate_check
from staged_reward.errors import InputError, nearest
from staged_reward.excerpt import shown
from staged_reward.fields import optional, program_name, python, reject_unknown, required, task_id, text_or_chat
from staged_reward.problem import CallTest, Problem, StdioTest, Test
from staged_reward.suites import convert_snippets

COLUMNS = frozenset({"task_id", "tests"})
KEYS = COLUMNS | {"prompt", "entry_point", "setup", "solution", "time_limit_seconds", "memory_limit_mib"}
_TEST_KEYS = {
    "call": {"type", "args", "kwargs", "expected", "check"},
    "stdio": {"type", "stdin", "stdout"},
    "assert": {"type", "code"},
}


def matches(row: Mapping[str, Any]) -> bool:
    """Tell by the names of its columns whether a row has this schema."""
    return row.keys() >= COLUMNS


def to_problem(row: Mapping[str, Any]) -> Problem:
    """Convert a row.

    Raises:
        InputError: A key is unknown, missing, or has a value that cannot be used.
    """
    reject_unknown(row, KEYS)
    entry_point = None if row.get("entry_point") is None else program_name(row, "entry_point")
    setup = python(optional(row, "setup", str) or "", "setup")
    return Problem(
        task_id=task_id(row, "task_id"),
        prompt=text_or_chat(row, "prompt"),
        tests=_tests(row, entry_point, setup),
        entry_point=entry_point,
        setup=setup,
        solution=optional(row, "solution", str),
        time_limit_seconds=_time_limit_seconds(row),
        memory_limit_mib=_memory_limit_mib(row),
    )


def _tests(row: Mapping[str, Any], entry_point: str | None, setup: str) -> tuple[Test, ...]:
    rows = required(row, "tests", list)
    if not rows:
        raise InputError("key 'tests' is []; give at least one test")
    parsed = [_test(test, f"tests[{i}]", entry_point) for i, test in enumerate(rows)]
    snippets = [test for test in parsed if isinstance(test, str)]
    asserts = iter(convert_snippets(snippets, entry_point, setup=setup))
    return tuple(next(asserts) if isinstance(test, str) else test for test in parsed)


def _test(row: Any, name: str, entry_point: str | None) -> CallTest | StdioTest | str:
    """One test; an `assert` test as its source, since its meaning depends on those before it."""
    if not isinstance(row, dict):
        raise InputError(f"key {name!r} is {shown(row)}; give an object")
    prefix = f"{name}."
    kind = required(row, "type", str, prefix)
    if kind not in _TEST_KEYS:
        raise InputError(f"key '{prefix}type' is {kind!r}{nearest(kind, _TEST_KEYS)}")
    row = _own_keys(row, kind)
    reject_unknown(row, _TEST_KEYS[kind], prefix)
    if kind == "stdio":
        return StdioTest(required(row, "stdin", str, prefix), required(row, "stdout", str, prefix))
    if kind == "assert":
        return python(required(row, "code", str, prefix), f"{prefix}code")
    if entry_point is None:
        raise InputError(f"key 'entry_point' is missing, and {name!r} is a call test; add it")
    return _call_test(row, prefix)


def _own_keys(row: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """The test without nulls at keys that belong to other types only."""
    foreign = set().union(*_TEST_KEYS.values()) - _TEST_KEYS[kind]
    return {key: value for key, value in row.items() if value is not None or key not in foreign}


def _call_test(row: Mapping[str, Any], prefix: str) -> CallTest:
    args = optional(row, "args", list, prefix) or []
    kwargs = optional(row, "kwargs", dict, prefix) or {}
    check = optional(row, "check", str, prefix)
    if check is not None:
        _validate(check, f"{prefix}check")
    if "expected" not in row and (check is None or uses_expected(check)):
        raise InputError(f"key '{prefix}expected' is missing; add it, or a 'check' over `result` alone")
    return CallTest(tuple(args), kwargs, row.get("expected"), check)


def _validate(check: str, name: str) -> None:
    try:
        validate_check(check)
    except InputError as error:
        raise InputError(f"key {name!r}: {error}") from error


def _time_limit_seconds(row: Mapping[str, Any]) -> float | None:
    limit = row.get("time_limit_seconds")
    if limit is None:
        return None
    if isinstance(limit, bool) or not isinstance(limit, int | float) or not 0 < limit < math.inf:
        raise InputError(f"key 'time_limit_seconds' is {shown(limit)}; give a positive, finite number")
    return float(limit)


def _memory_limit_mib(row: Mapping[str, Any]) -> int | None:
    limit = optional(row, "memory_limit_mib", int)
    if limit is not None and limit <= 0:
        raise InputError(f"key 'memory_limit_mib' is {limit}; give a positive integer")
    return limit
