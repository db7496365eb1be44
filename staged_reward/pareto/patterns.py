"""Bug patterns that reward models fail to see, as detectors on a program's syntax tree.

The patterns are those of Orlanski et al. (arXiv 2506.10056, Table 3 and appendix C); how each is recognised is ours, since
the paper does not say. A detector finds a way of writing, not a bug: what counts is how much more often it occurs among
programs that a reward model ranked high and a filter removed than among correct ones.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterator, Mapping

from staged_reward.stages.syntax import needs_child

LARGE = 10**9

Detector = Callable[[ast.AST], bool]


def patterns_of(program: str) -> frozenset[str]:
    """Return the names of the patterns that occur in a program; none where it does not parse, or nests too deeply."""
    if needs_child(program):
        return frozenset()
    try:
        tree = ast.parse(program)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset()
    nodes = list(ast.walk(tree))
    return frozenset(name for name, detect in PATTERNS.items() if any(detect(node) for node in nodes))


def _is_call_of(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


def _is_division(node: ast.AST) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)


def _is_two(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value == 2


def _sorted_without_key(node: ast.AST) -> bool:
    """`sorted(x)` or `x.sort()` without `key`."""
    if not isinstance(node, ast.Call):
        return False
    is_method = isinstance(node.func, ast.Attribute) and node.func.attr == "sort"
    return (_is_call_of(node, "sorted") or is_method) and not any(word.arg == "key" for word in node.keywords)


def _true_division(node: ast.AST) -> bool:
    """`/` with an integer literal, a `len` or a `sum` on one side, where `//` is often meant."""
    if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)):
        return False
    return any(_is_integral(side) for side in (node.left, node.right))


def _is_integral(node: ast.AST) -> bool:
    is_literal = isinstance(node, ast.Constant) and type(node.value) is int
    return is_literal or _is_call_of(node, "len") or _is_call_of(node, "sum")


def _int_of_division(node: ast.AST) -> bool:
    """`int(x / y)`, which rounds towards zero and goes through a float."""
    return (
        isinstance(node, ast.Call) and _is_call_of(node, "int") and len(node.args) == 1 and _is_division(node.args[0])
    )


def _midpoint_division(node: ast.AST) -> bool:
    """`(a + b) / 2`."""
    if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and _is_two(node.right)):
        return False
    return isinstance(node.left, ast.BinOp) and isinstance(node.left.op, ast.Add)


def _division_in_search(node: ast.AST) -> bool:
    """`/ 2` within a `while` whose condition compares two names, as a binary search has it."""
    if not (isinstance(node, ast.While) and isinstance(node.test, ast.Compare)):
        return False
    sides = [node.test.left, *node.test.comparators]
    halves = (n for n in ast.walk(node) if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Div) and _is_two(n.right))
    return all(isinstance(side, ast.Name) for side in sides) and any(True for _ in halves)


def _remove_in_loop(node: ast.AST) -> bool:
    """`.remove(...)` within a loop over that very list."""
    if not isinstance(node, ast.For):
        return False
    looped = ast.dump(node.iter)
    return any(ast.dump(owner) == looped for owner in _owners_of_remove(node))


def _owners_of_remove(node: ast.For) -> Iterator[ast.expr]:
    for statement in node.body:
        for inner in ast.walk(statement):
            match inner:
                case ast.Call(func=ast.Attribute(value=owner, attr="remove")):
                    yield owner


def _while_len(node: ast.AST) -> bool:
    """`while len(x) …`."""
    return isinstance(node, ast.While) and any(_is_call_of(inner, "len") for inner in ast.walk(node.test))


def _large_number(node: ast.AST) -> bool:
    """An integer literal from 10⁹, or a power of two literals that large, such as `10**9 + 7`."""
    match node:
        case ast.Constant(value=int(value)):
            return abs(value) >= LARGE
        case ast.BinOp(left=ast.Constant(value=int(base)), op=ast.Pow(), right=ast.Constant(value=int(exponent))):
            return base > 1 and exponent > 0 and exponent * math.log2(base) >= math.log2(LARGE) - 1e-9
    return False


def _range_one_short(node: ast.AST) -> bool:
    """`range(len(x) - 1)`."""
    if not (isinstance(node, ast.Call) and _is_call_of(node, "range") and node.args):
        return False
    stop = node.args[0] if len(node.args) == 1 else node.args[1]
    match stop:
        case ast.BinOp(left=left, op=ast.Sub(), right=ast.Constant(value=1)):
            return _is_call_of(left, "len")
    return False


PATTERNS: Mapping[str, Detector] = {
    "sorted() without key": _sorted_without_key,
    "/ for //": _true_division,
    "int(x / y)": _int_of_division,
    "(a + b) / 2": _midpoint_division,
    "/ 2 in binary search": _division_in_search,
    ".remove() in a loop": _remove_in_loop,
    "while len()": _while_len,
    "large numbers": _large_number,
    "range(len(x) - 1)": _range_one_short,
}
"""Name → detector; it looks at one node of the tree."""
