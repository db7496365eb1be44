"""Mutation operators on arithmetic: divisions, signs, powers, remainders, bits.

Each takes a program and a node and yields edits; its docstring is its description. Source of the division and large
integer patterns: Orlanski et al. (arXiv 2506.10056), Table 3 and appendix C.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping

from staged_reward.mutation.source import Edit, Program, callee, is_integer

_SYMBOLS: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.BitXor: "^",
    ast.LShift: "<<",
    ast.RShift: ">>",
}
_PRECEDENCE: dict[type[ast.operator], int] = {ast.Add: 1, ast.Sub: 1, ast.Pow: 3}
_SEQUENCES = (ast.JoinedStr, ast.List, ast.ListComp, ast.Tuple)


def _operator(program: Program, node: ast.BinOp | ast.AugAssign) -> tuple[int, int]:
    """Offsets of the operator's symbol, without the `=` of an augmented assignment."""
    left, right = (node.left, node.right) if isinstance(node, ast.BinOp) else (node.target, node.value)
    found = program.find(re.escape(_SYMBOLS[type(node.op)]), program.end(left), program.start(right))
    assert found is not None
    return found.span()


def _exchange(program: Program, node: ast.AST, symbols: Mapping[type[ast.operator], str]) -> Iterator[Edit]:
    if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in symbols:
        yield Edit(*_operator(program, node), symbols[type(node.op)])


def _is_sequence(node: ast.AST) -> bool:
    return isinstance(node, _SEQUENCES) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _right(node: ast.BinOp | ast.AugAssign) -> ast.expr:
    return node.right if isinstance(node, ast.BinOp) else node.value


def float_midpoint(program: Program, node: ast.AST) -> Iterator[Edit]:
    """`(a + b) // 2` becomes `(a + b) / 2`."""
    halved = isinstance(node, ast.BinOp) and is_integer(node.right, 2)
    if (
        halved
        and isinstance(node, ast.BinOp)
        and isinstance(node.left, ast.BinOp)
        and isinstance(node.left.op, ast.Add)
    ):
        yield from _exchange(program, node, {ast.FloorDiv: "/"})


def float_search_step(program: Program, node: ast.AST) -> Iterator[Edit]:
    """`// 2` becomes `/ 2` in a `while` loop, as in a binary search."""
    halved = isinstance(node, ast.BinOp | ast.AugAssign) and is_integer(_right(node), 2)
    if halved and any(isinstance(outer, ast.While) for outer in program.ancestors(node)):
        yield from _exchange(program, node, {ast.FloorDiv: "/"})


def float_division(program: Program, node: ast.AST) -> Iterator[Edit]:
    """`a // b` becomes `a / b`."""
    yield from _exchange(program, node, {ast.FloorDiv: "/"})


def int_of_quotient(program: Program, node: ast.AST) -> Iterator[Edit]:
    """`a // b` becomes `int(a / b)`: rounds towards zero, and loses digits of large numbers."""
    if not isinstance(node, ast.BinOp | ast.AugAssign) or not isinstance(node.op, ast.FloorDiv):
        return
    if isinstance(node, ast.BinOp):
        start, end = _operator(program, node)
        before, after = program.text[program.start(node) : start], program.text[end : program.end(node)]
        yield program.replace(node, f"int({before}/{after})")
    else:
        target, value = program.get(node.target), program.get(node.value)
        divisor = f"({value})" if isinstance(node.value, ast.BinOp | ast.IfExp | ast.BoolOp) else value
        yield program.replace(node, f"{target} = int({target} / {divisor})")


def floor_division(program: Program, node: ast.AST) -> Iterator[Edit]:
    """`a / b` becomes `a // b`."""
    yield from _exchange(program, node, {ast.Div: "//"})


def float_power(program: Program, node: ast.AST) -> Iterator[Edit]:
    """`10 ** 9` becomes `1e9`, and `a ** b` becomes `float(a) ** b`: large numbers lose their last digits."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Pow):
        return
    if is_integer(node.left, 10) and is_integer(node.right):
        yield program.replace(node, f"1e{program.get(node.right)}")
    else:
        start, _ = _operator(program, node)
        base = program.text[program.start(node) : start].rstrip()
        yield Edit(program.start(node), program.start(node) + len(base), f"float({base})")


def float_root(program: Program, node: ast.AST) -> Iterator[Edit]:
    """`isqrt(n)` becomes `int(n ** 0.5)`: wrong for large numbers."""
    if isinstance(node, ast.Call) and callee(node) == "isqrt" and len(node.args) == 1:
        argument = program.get(node.args[0])
        base = argument if isinstance(node.args[0], ast.Name) else f"({argument})"
        yield program.replace(node, f"int({base} ** 0.5)")


def unreduced_power(program: Program, node: ast.AST) -> Iterator[Edit]:
    """`pow(a, b, m)` becomes `(a ** b % m)`: the same value, by way of a huge one."""
    if isinstance(node, ast.Call) and callee(node) == "pow" and len(node.args) == 3:
        parts = [program.get(a) if isinstance(a, ast.Name | ast.Constant) else f"({program.get(a)})" for a in node.args]
        yield program.replace(node, f"({parts[0]} ** {parts[1]} % {parts[2]})")


def dropped_modulo(program: Program, node: ast.AST) -> Iterator[Edit]:
    """`a % m` becomes `a`."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and not _is_sequence(node.left):
        start, _ = _operator(program, node)
        kept = len(program.code[:start].rstrip())
        yield Edit(kept, program.end(node), "")


def modulo_division(program: Program, node: ast.AST) -> Iterator[Edit]:
    """`a % b` becomes `a // b`."""
    if not (isinstance(node, ast.BinOp) and _is_sequence(node.left)):
        yield from _exchange(program, node, {ast.Mod: "//"})


def plus_minus(program: Program, node: ast.AST) -> Iterator[Edit]:
    """`+` becomes `-`, and back; also in `+=`."""
    if isinstance(node, ast.BinOp | ast.AugAssign) and not any(map(_is_sequence, ast.iter_child_nodes(node))):
        yield from _exchange(program, node, {ast.Add: "-", ast.Sub: "+"})


def power_product(program: Program, node: ast.AST) -> Iterator[Edit]:
    """`a ** b` becomes `a * b`."""
    yield from _exchange(program, node, {ast.Pow: "*"})


def bitwise(program: Program, node: ast.AST) -> Iterator[Edit]:
    """`&` becomes `|`, `|` and `^` become `&`, `<<` becomes `>>`, and back."""
    swaps = {ast.BitAnd: "|", ast.BitOr: "&", ast.BitXor: "&", ast.LShift: ">>", ast.RShift: "<<"}
    yield from _exchange(program, node, swaps)


def swapped_operands(program: Program, node: ast.AST) -> Iterator[Edit]:
    """`a - b` becomes `b - a`; also `/`, `//`, `%` and `**`."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Sub | ast.Div | ast.FloorDiv | ast.Mod | ast.Pow):
        return
    if _is_sequence(node.left):
        return
    start, end = _operator(program, node)
    left = program.text[program.start(node) : start].rstrip()
    right = program.text[end : program.end(node)].lstrip()
    in_parentheses = program.start(node) < program.start(node.left)
    if isinstance(node.left, ast.BinOp) and not in_parentheses:
        rank, limit = (_PRECEDENCE.get(type(op), 2) for op in (node.left.op, node.op))
        left = f"({left})" if rank <= limit else left
    yield program.replace(node, f"{right} {_SYMBOLS[type(node.op)]} {left}")


def dropped_minus(program: Program, node: ast.AST) -> Iterator[Edit]:
    """`-a` becomes `a`."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield Edit(program.start(node), program.start(node) + 1, "")


ARITHMETIC = (
    float_midpoint,
    float_search_step,
    float_division,
    int_of_quotient,
    floor_division,
    float_power,
    float_root,
    unreduced_power,
    dropped_modulo,
    modulo_division,
    plus_minus,
    power_product,
    bitwise,
    swapped_operands,
    dropped_minus,
)
