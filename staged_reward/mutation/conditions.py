"""Mutation operators on conditions: comparisons, `and`, `or`, `not`, branches.

Each takes a program and a node and yields edits; its docstring is its description.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from itertools import pairwise

from staged_reward.mutation.source import Edit, Program

_PATTERNS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.In: r"\bin\b",
    ast.NotIn: r"\bnot\s+in\b",
    ast.Is: r"\bis\b",
    ast.IsNot: r"\bis\s+not\b",
}


def _exchange(program: Program, node: ast.AST, symbols: Mapping[type[ast.cmpop], str]) -> Iterator[Edit]:
    """One edit for each operator of a comparison that `symbols` has a replacement for."""
    if not isinstance(node, ast.Compare):
        return
    for (left, right), operator in zip(pairwise([node.left, *node.comparators]), node.ops, strict=True):
        if type(operator) in symbols:
            found = program.find(_PATTERNS[type(operator)], program.end(left), program.start(right))
            assert found is not None
            yield Edit(*found.span(), symbols[type(operator)])


def boundary(program: Program, node: ast.AST) -> Iterator[Edit]:
    """`<` becomes `<=`, `>` becomes `>=`, and back."""
    yield from _exchange(program, node, {ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">"})


def reversed_comparison(program: Program, node: ast.AST) -> Iterator[Edit]:
    """`<` becomes `>`, `<=` becomes `>=`, and back."""
    yield from _exchange(program, node, {ast.Lt: ">", ast.LtE: ">=", ast.Gt: "<", ast.GtE: "<="})


def flipped_equality(program: Program, node: ast.AST) -> Iterator[Edit]:
    """`==` becomes `!=`, `in` becomes `not in`, `is` becomes `is not`, and back."""
    swaps = {ast.Eq: "!=", ast.NotEq: "==", ast.In: "not in", ast.NotIn: "in", ast.Is: "is not", ast.IsNot: "is"}
    yield from _exchange(program, node, swaps)


def and_or(program: Program, node: ast.AST) -> Iterator[Edit]:
    """`and` becomes `or`, and back; one of them at a time."""
    if not isinstance(node, ast.BoolOp):
        return
    word, other = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
    for left, right in pairwise(node.values):
        found = program.find(rf"\b{word}\b", program.end(left), program.start(right))
        assert found is not None
        yield Edit(*found.span(), other)


def dropped_clause(program: Program, node: ast.AST) -> Iterator[Edit]:
    """`a and b` becomes `a`, and `b`; also `or`."""
    if not isinstance(node, ast.BoolOp) or len(node.values) != 2:
        return
    left, right = node.values
    found = program.find(r"\b(and|or)\b", program.end(left), program.start(right))
    assert found is not None
    yield Edit(len(program.code[: found.start()].rstrip()), program.end(node), "")
    after = program.code[found.end() :]
    yield Edit(program.start(node), found.end() + len(after) - len(after.lstrip()), "")


def negated_condition(program: Program, node: ast.AST) -> Iterator[Edit]:
    """`if a:` becomes `if not a:`; also `while`, `a if b else c` and the `if` of a comprehension."""
    tests = [node.test] if isinstance(node, ast.If | ast.While | ast.IfExp) else []
    tests = node.ifs if isinstance(node, ast.comprehension) else tests
    for test in tests:
        single = isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.Eq | ast.NotEq | ast.In | ast.NotIn)
        if single or (isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)):
            continue
        loose = isinstance(test, ast.BoolOp | ast.IfExp | ast.NamedExpr | ast.Lambda)
        text = program.get(test)
        yield program.replace(test, f"not ({text})" if loose else f"not {text}")


def dropped_not(program: Program, node: ast.AST) -> Iterator[Edit]:
    """`not a` becomes `a`."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        found = program.find(r"not\s*", program.start(node), program.end(node))
        assert found is not None
        yield Edit(*found.span(), "")


def swapped_branches(program: Program, node: ast.AST) -> Iterator[Edit]:
    """`a if c else b` becomes `b if c else a`."""
    if isinstance(node, ast.IfExp):
        yield program.swap(node.body, node.orelse)


def elif_if(program: Program, node: ast.AST) -> Iterator[Edit]:
    """`elif` becomes `if`, so that both branches may run."""
    if isinstance(node, ast.If) and program.text.startswith("elif", program.start(node)):
        yield Edit(program.start(node), program.start(node) + len("elif"), "if")


CONDITIONS = (
    boundary,
    reversed_comparison,
    flipped_equality,
    and_or,
    dropped_clause,
    negated_condition,
    dropped_not,
    swapped_branches,
    elif_if,
)
