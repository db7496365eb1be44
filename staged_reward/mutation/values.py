"""Mutation operators on values: constants, first values of variables, separators, variables and exceptions by name.

Each takes a program and a node and yields edits; its docstring is its description.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from staged_reward.mutation.source import Edit, Program, is_integer

_EXCEPTIONS = {
    "ValueError": "TypeError",
    "TypeError": "ValueError",
    "KeyError": "IndexError",
    "IndexError": "ValueError",
    "RuntimeError": "ValueError",
    "StopIteration": "ValueError",
}


def wrong_initial_value(program: Program, node: ast.AST) -> Iterator[Edit]:
    """A variable starts at another value: 0 ↔ 1, True ↔ False, and 0 for an infinity or for `items[0]`."""
    if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
        return
    value = node.value
    if is_integer(value, 0):
        yield program.replace(value, "1")
    elif is_integer(value, 1) or _is_infinity(program, value) or _is_first_item(value):
        yield program.replace(value, "0")
    elif isinstance(value, ast.Constant) and isinstance(value.value, bool):
        yield program.replace(value, str(not value.value))


def _is_infinity(program: Program, node: ast.expr) -> bool:
    text = program.get(node).replace("'", '"').lstrip("-")
    return text in ('float("inf")', 'float("-inf")', "math.inf", "inf")


def _is_first_item(node: ast.expr) -> bool:
    return isinstance(node, ast.Subscript) and is_integer(node.slice, 0)


def constant_off_by_one(program: Program, node: ast.AST) -> Iterator[Edit]:
    """`n` becomes `n + 1`, and `n - 1`, for a number `n` in the text."""
    if isinstance(node, ast.Constant) and type(node.value) is int:
        yield program.replace(node, str(node.value + 1))
        yield program.replace(node, str(node.value - 1))


def flipped_boolean(program: Program, node: ast.AST) -> Iterator[Edit]:
    """`True` becomes `False`, and back."""
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield program.replace(node, str(not node.value))


def dropped_one(program: Program, node: ast.AST) -> Iterator[Edit]:
    """`a + 1` becomes `a`, and `a - 1` becomes `a`."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub) and is_integer(node.right, 1):
        found = program.find(r"[+-]", program.end(node.left), program.start(node.right))
        assert found is not None
        yield Edit(len(program.code[: found.start()].rstrip()), program.end(node), "")


def join_separator(program: Program, node: ast.AST) -> Iterator[Edit]:
    """The separator of `join` changes: `""` ↔ `" "`, `", "` to `","`, anything else to `" "`."""
    if not isinstance(node, ast.Attribute) or node.attr != "join" or not isinstance(node.value, ast.Constant):
        return
    separator = node.value.value
    if isinstance(separator, str):
        other = "" if separator == " " else separator.strip() or " "
        yield program.replace(node.value, f'"{other}"' if other != separator else '" "')


def wrong_variable(program: Program, node: ast.AST) -> Iterator[Edit]:
    """A use of a parameter becomes a use of the next parameter of the same function."""
    if not isinstance(node, ast.Name) or not isinstance(node.ctx, ast.Load):
        return
    function = program.function(node)
    if function is None:
        return
    names = [a.arg for a in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]
    names = [name for name in names if name not in ("self", "cls")]
    if node.id in names and len(names) > 1:
        yield program.replace(node, names[(names.index(node.id) + 1) % len(names)])


def wrong_exception(program: Program, node: ast.AST) -> Iterator[Edit]:
    """`raise` raises another builtin exception."""
    if not isinstance(node, ast.Raise):
        return
    name = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    if isinstance(name, ast.Name) and name.id in _EXCEPTIONS:
        yield program.replace(name, _EXCEPTIONS[name.id])


VALUES = (
    wrong_initial_value,
    dropped_one,
    constant_off_by_one,
    flipped_boolean,
    join_separator,
    wrong_variable,
    wrong_exception,
)
