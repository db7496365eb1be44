"""Mutation operators on bounds: of `range`, of slices, of indices. All are off by one.

Each takes a program and a node and yields edits; its docstring is its description.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from staged_reward.mutation.source import Edit, Program, callee, is_integer

_LOOSE = (ast.IfExp, ast.BoolOp, ast.Compare, ast.Lambda, ast.NamedExpr, ast.Starred)
_TIGHT_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)


def _nudged(program: Program, node: ast.expr) -> Iterator[Edit]:
    """The bound changed by one: a constant, a `± 1` that goes, or a `+ 1` and a `- 1` that come."""
    if isinstance(node, ast.Constant) and type(node.value) is int:
        yield program.replace(node, str(node.value + 1))
        yield program.replace(node, str(node.value - 1))
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub) and is_integer(node.right, 1):
        found = program.find(r"[+-]", program.end(node.left), program.start(node.right))
        assert found is not None
        yield Edit(len(program.code[: found.start()].rstrip()), program.end(node), "")
    elif not isinstance(node, _LOOSE):
        loose = isinstance(node, ast.BinOp) and not isinstance(node.op, _TIGHT_OPERATORS)
        text = f"({program.get(node)})" if loose else program.get(node)
        yield program.replace(node, f"{text} + 1")
        yield program.replace(node, f"{text} - 1")


def range_stop(program: Program, node: ast.AST) -> Iterator[Edit]:
    """The end of a `range` moves by one."""
    if isinstance(node, ast.Call) and callee(node) == "range" and node.args:
        yield from _nudged(program, node.args[0 if len(node.args) == 1 else 1])


def range_start(program: Program, node: ast.AST) -> Iterator[Edit]:
    """The start of a `range` moves by one; `range(n)` becomes `range(1, n)`."""
    if not isinstance(node, ast.Call) or callee(node) != "range" or not node.args:
        return
    if len(node.args) == 1:
        yield Edit(program.start(node.args[0]), program.start(node.args[0]), "1, ")
    else:
        yield from _nudged(program, node.args[0])


def slice_bound(program: Program, node: ast.AST) -> Iterator[Edit]:
    """A bound of a slice moves by one."""
    if isinstance(node, ast.Slice):
        for bound in (node.lower, node.upper):
            if bound is not None:
                yield from _nudged(program, bound)


def shifted_index(program: Program, node: ast.AST) -> Iterator[Edit]:
    """`a[i]` becomes `a[i + 1]`, and `a[i - 1]`, where `i` counts; `a[-1]` becomes `a[0]`."""
    if not isinstance(node, ast.Subscript):
        return
    index = node.slice
    if isinstance(index, ast.UnaryOp) and is_integer(index.operand, 1):
        yield program.replace(index, "0")
    elif isinstance(index, ast.Name) and _counts(program, node, index.id):
        yield from _nudged(program, index)


def _counts(program: Program, node: ast.AST, name: str) -> bool:
    """Does the innermost function (or the module) loop over a `range` or `enumerate` with this variable?"""
    for loop in ast.walk(program.function(node) or program.tree):
        if isinstance(loop, ast.For | ast.comprehension) and callee(loop.iter) in ("range", "enumerate"):
            first = loop.target.elts[0] if isinstance(loop.target, ast.Tuple) else loop.target
            if isinstance(first, ast.Name) and first.id == name:
                return True
    return False


BOUNDS = (range_stop, range_start, slice_bound, shifted_index)
