"""Mutation operators on whole statements: one that goes, a guard that goes, an assignment that changes.

Each takes a program and a node and yields edits; its docstring is its description.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from staged_reward.mutation.source import Edit, Program, callee

_EXITS = (ast.Return, ast.Raise, ast.Continue, ast.Break)


def _without(program: Program, node: ast.stmt) -> Edit:
    """The edit that removes a statement with its lines, or puts `pass` in its place where a block would be empty."""
    lines = program.full_lines(node)
    if lines is None or len(program.block(node)) == 1:
        return program.replace(node, "pass")
    return Edit(*lines, "")


def missing_base_case(program: Program, node: ast.AST) -> Iterator[Edit]:
    """A recursive function loses an `if` that returns."""
    if not _is_guard(node):
        return
    assert isinstance(node, ast.If)
    function = program.function(node)
    recursive = function is not None and any(callee(inner) == function.name for inner in ast.walk(function))
    if recursive and isinstance(node.body[-1], ast.Return):
        yield _without(program, node)


def dropped_guard(program: Program, node: ast.AST) -> Iterator[Edit]:
    """An `if` that returns, raises, breaks or continues is removed."""
    if _is_guard(node):
        assert isinstance(node, ast.If)
        yield _without(program, node)


def _is_guard(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and not node.orelse and isinstance(node.body[-1], _EXITS)


def dropped_statement(program: Program, node: ast.AST) -> Iterator[Edit]:
    """A simple statement is removed; not an import, a `return`, or the first assignment of a variable."""
    removable = isinstance(node, ast.Expr | ast.AugAssign | ast.Break | ast.Continue | ast.Delete | ast.Raise)
    if isinstance(node, ast.Assign):
        removable = not any(_is_first(program, node, name) for target in node.targets for name in ast.walk(target))
    if removable:
        assert isinstance(node, ast.stmt)
        yield _without(program, node)


def _is_first(program: Program, node: ast.stmt, name: ast.AST) -> bool:
    """Does this statement assign a variable that nothing before it in the function has assigned?"""
    if not isinstance(name, ast.Name) or not isinstance(name.ctx, ast.Store):
        return False
    scope = program.function(node) or program.tree
    names = (other for other in ast.walk(scope) if isinstance(other, ast.Name) and isinstance(other.ctx, ast.Store))
    parameters = [other.arg for other in ast.walk(scope) if isinstance(other, ast.arg)]
    earlier = any(other.id == name.id and program.start(other) < program.start(name) for other in names)
    return not earlier and name.id not in parameters


def overwritten_total(program: Program, node: ast.AST) -> Iterator[Edit]:
    """`a += b` becomes `a = b`; also `-=`, `*=` and the like."""
    if isinstance(node, ast.AugAssign):
        found = program.find(r"[^\s=]+=", program.end(node.target), program.start(node.value))
        assert found is not None
        yield Edit(*found.span(), "=")


def sequential_assignment(program: Program, node: ast.AST) -> Iterator[Edit]:
    """`a, b = b, a + b` becomes `a = b` and then `b = a + b`."""
    if not isinstance(node, ast.Assign) or program.full_lines(node) is None:
        return
    target, value = node.targets[0], node.value
    if not isinstance(target, ast.Tuple) or not isinstance(value, ast.Tuple) or len(target.elts) != len(value.elts):
        return
    pairs = zip(target.elts, value.elts, strict=True)
    lines = [f"{program.get(name)} = {program.get(source)}" for name, source in pairs]
    yield program.replace(node, f"{program.newline}{program.indent(node)}".join(lines))


STATEMENTS = (
    missing_base_case,
    dropped_guard,
    dropped_statement,
    overwritten_total,
    sequential_assignment,
)
