"""The small problems that the corpus' programs claim to solve, each in the three kinds of tests where it can be.

They are rows of the native schema, so what a program meets is what it meets in a user's data.
"""

from __future__ import annotations

from typing import Any

from staged_reward.attack.trial import KINDS
from staged_reward.datasets.native import to_problem
from staged_reward.errors import InputError, nearest
from staged_reward.problem import AssertTest, CallTest, Problem

# name → entry point, [(arguments, expected value), …]
TASKS: dict[str, tuple[str, list[tuple[list[Any], Any]]]] = {
    "add": ("add", [([2, 3], 5), ([19, -7], 12), ([400, 81], 481)]),
    "reverse": ("reverse", [(["abc"], "cba"), (["stone"], "enots")]),
    "halve": ("halve", [([5], 2.5), ([0.5], 0.25)]),
    "double_all": ("double_all", [([[1, 5]], [2, 10]), ([[]], []), ([[7, 7, 7]], [14, 14, 14])]),
    "count_letters": ("count_letters", [(["aba"], {"a": 2, "b": 1}), (["zz"], {"z": 2})]),
    "nested": ("nested", [([2], [[0], [1]]), ([3], [[0], [1], [2]])]),
    "is_odd": ("is_odd", [([3], True), ([8], False)]),
    "find": ("find", [([[4, 9], 9], 1), ([[4, 9], 5], None)]),
}

# What JSON cannot hold: `assert` only.
LIVE_TASKS: dict[str, tuple[str, list[str]]] = {
    "min_max": ("min_max", ["assert min_max([3, 1, 2]) == (1, 3)", "assert min_max([8]) == (8, 8)"]),
    "letters": ("letters", ["assert letters('abca') == {'a', 'b', 'c'}", "assert letters('') == set()"]),
    "raw": ("raw", ["assert raw('hi') == b'hi'", "assert raw('') == b''"]),
    "rotate": ("rotate", ["assert rotate(1 + 2j) == -2 + 1j", "assert rotate(0j) == 0j"]),
}

SUM_ROWS = [("2 3\n", "5\n"), ("19 -7\n", "12\n"), ("400 81\n", "481\n")]
TASK_NAMES = (*TASKS, *LIVE_TASKS, "sum")


def problem_of(task: str, kind: str, *, entry_point: str = "", tests: list[str] | None = None) -> Problem:
    """Return a problem.

    Args:
        task: One of `TASK_NAMES`; of no account where `tests` are given.
        kind: `call`, `assert` or `stdio`.
        entry_point: With `tests`: the function they use.
        tests: Statements, for a problem of a program's own; `call` and `assert` only.

    Raises:
        InputError: The task or the kind is unknown, or the task has no tests of that kind.
    """
    if kind not in KINDS:
        raise InputError(f"kind {kind!r}{nearest(kind, KINDS)}")
    if tests:
        rows: list[dict[str, Any]] = [{"type": "assert", "code": code} for code in tests]
        return to_problem({"task_id": f"own/{entry_point}", "entry_point": entry_point or None, "tests": rows})
    if task not in TASK_NAMES:
        raise InputError(f"task {task!r}{nearest(task, TASK_NAMES)}")
    if (kind == "stdio") != (task == "sum") or (kind == "call" and task in LIVE_TASKS):
        raise InputError(f"task {task!r} has no tests of kind {kind!r}; choose another")
    if kind == "stdio":
        rows = [{"type": "stdio", "stdin": stdin, "stdout": stdout} for stdin, stdout in SUM_ROWS]
        return to_problem({"task_id": "stdio/sum", "tests": rows})
    entry, rows = _object_rows(task, kind)
    return to_problem({"task_id": f"{kind}/{task}", "entry_point": entry, "tests": rows})


def _object_rows(task: str, kind: str) -> tuple[str, list[dict[str, Any]]]:
    if task in LIVE_TASKS:
        entry, codes = LIVE_TASKS[task]
        return entry, [{"type": "assert", "code": code} for code in codes]
    entry, pairs = TASKS[task]
    if kind == "call":
        return entry, [{"type": "call", "args": args, "expected": expected} for args, expected in pairs]
    return entry, [
        {"type": "assert", "code": f"assert {entry}({', '.join(map(repr, args))}) == {expected!r}"}
        for args, expected in pairs
    ]


def statements_of(problem: Problem) -> list[str]:
    """Return the tests of a problem as statements, for graders that run them in the program's namespace."""
    lines: list[str] = []
    for test in problem.tests:
        if isinstance(test, AssertTest):
            lines.append(test.code)
        elif isinstance(test, CallTest):
            call = f"{problem.entry_point}({', '.join(map(repr, test.args))})"
            if test.check is None:
                lines.append(f"assert {call} == {test.expected!r}")
            else:
                lines.append(f"result, expected = {call}, {test.expected!r}\nassert {test.check}")
    return lines
