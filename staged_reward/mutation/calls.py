"""Mutation operators on calls: arguments, keys of a sort, wrappers that go, functions for their siblings, copies.

Each takes a program and a node and yields edits; its docstring is its description. Source of `sorted_without_key`:
Orlanski et al. (arXiv 2506.10056), Table 3.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise

from staged_reward.mutation.source import Edit, Program, callee

_SYMMETRIC = frozenset({"max", "min", "gcd", "lcm", "print", "isinstance", "getattr", "hasattr", "zip"})
_OPTIONAL = {"enumerate": 2, "sum": 2, "range": 3, "round": 2, "int": 2, "split": 1, "get": 2, "pop": 1, "next": 2}
_CONVERSIONS = frozenset({"set", "int", "str", "float", "round", "reversed", "tuple", "frozenset"})
_COPIES = frozenset({"list", "dict", "set", "copy", "deepcopy"})
_SIBLINGS = {
    "lower": "upper",
    "upper": "lower",
    "lstrip": "rstrip",
    "rstrip": "lstrip",
    "strip": "lstrip",
    "startswith": "endswith",
    "endswith": "startswith",
    "find": "rfind",
    "rfind": "find",
    "index": "count",
    "append": "extend",
    "appendleft": "append",
    "popleft": "pop",
    "keys": "values",
    "values": "keys",
    "ceil": "floor",
    "floor": "ceil",
    "bisect_left": "bisect_right",
    "bisect_right": "bisect_left",
    "bisect": "bisect_left",
    "intersection": "union",
    "union": "intersection",
    "isalpha": "isalnum",
    "isdigit": "isalnum",
    "combinations": "permutations",
    "permutations": "combinations",
    "accumulate": "iter",
    "zip_longest": "zip",
}


def _without_argument(program: Program, call: ast.Call, argument: ast.expr | ast.keyword) -> Edit:
    """The edit that removes an argument and the comma before it, or behind it if it is the first."""
    arguments: list[ast.expr | ast.keyword] = [*call.args, *call.keywords]
    others = [other for other in arguments if program.start(other) < program.start(argument)]
    before = max((program.end(other) for other in others), default=None)
    if before is not None:
        comma = program.find(",", before, program.start(argument))
        assert comma is not None
        return Edit(comma.start(), program.end(argument), "")
    comma = program.find(r"\s*,\s*", program.end(argument), program.end(call))
    return Edit(program.start(argument), comma.end() if comma else program.end(argument), "")


def sorted_without_key(program: Program, node: ast.AST) -> Iterator[Edit]:
    """`sorted(a, key=f)` becomes `sorted(a)`; also `sort`, `min` and `max`."""
    if isinstance(node, ast.Call) and callee(node) in ("sorted", "sort", "min", "max"):
        yield from (_without_argument(program, node, word) for word in node.keywords if word.arg == "key")


def sort_order(program: Program, node: ast.AST) -> Iterator[Edit]:
    """`sorted` and `sort` lose `reverse=True`, or get it."""
    if not isinstance(node, ast.Call) or callee(node) not in ("sorted", "sort"):
        return
    reverse = [word for word in node.keywords if word.arg == "reverse"]
    if reverse:
        yield _without_argument(program, node, reverse[0])
    else:
        arguments: list[ast.expr | ast.keyword] = [*node.args, *node.keywords]
        place = max((program.end(a) for a in arguments), default=program.end(node) - 1)
        generator = any(isinstance(a, ast.GeneratorExp) for a in arguments)
        if not generator:
            yield Edit(place, place, ", reverse=True" if arguments else "reverse=True")


def dropped_sort(program: Program, node: ast.AST) -> Iterator[Edit]:
    """`sorted(a)` becomes `list(a)`."""
    if isinstance(node, ast.Call) and callee(node) == "sorted" and node.args:
        argument = program.get(node.args[0])
        yield program.replace(node, f"list{argument}" if _is_bare_generator(node) else f"list({argument})")


def _is_bare_generator(call: ast.Call) -> bool:
    return len(call.args) == 1 and not call.keywords and isinstance(call.args[0], ast.GeneratorExp)


def swapped_arguments(program: Program, node: ast.AST) -> Iterator[Edit]:
    """`f(a, b)` becomes `f(b, a)`, for neighbours in a call."""
    if not isinstance(node, ast.Call) or callee(node) in _SYMMETRIC:
        return
    for first, second in pairwise(node.args):
        if not isinstance(first, ast.Starred) and not isinstance(second, ast.Starred):
            yield program.swap(first, second)


def dropped_argument(program: Program, node: ast.AST) -> Iterator[Edit]:
    """A last argument that may be left out is left out: `enumerate(a, 1)`, `round(x, 2)`, `d.get(k, 0)`, `a.pop(0)`."""
    name = callee(node)
    if isinstance(node, ast.Call) and name in _OPTIONAL and len(node.args) == _OPTIONAL[name] and not node.keywords:
        yield _without_argument(program, node, node.args[-1])


def missing_default(program: Program, node: ast.AST) -> Iterator[Edit]:
    """`d.get(k, 0)` becomes `d[k]`."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get" and node.args:
        yield program.replace(node, f"{program.get(node.func.value)}[{program.get(node.args[0])}]")


def min_max(program: Program, node: ast.AST) -> Iterator[Edit]:
    """`min` becomes `max`, and back."""
    yield from _renamed(program, node, {"min": "max", "max": "min"})


def any_all(program: Program, node: ast.AST) -> Iterator[Edit]:
    """`any` becomes `all`, and back."""
    yield from _renamed(program, node, {"any": "all", "all": "any"})


def sibling_function(program: Program, node: ast.AST) -> Iterator[Edit]:
    """A function or method becomes its sibling: `lower` and `upper`, `ceil` and `floor`, `append` and `extend`."""
    yield from _renamed(program, node, _SIBLINGS)


def _renamed(program: Program, node: ast.AST, names: dict[str, str]) -> Iterator[Edit]:
    if isinstance(node, ast.Call) and callee(node) in names:
        name = callee(node)
        assert name is not None
        end = program.end(node.func)
        yield Edit(end - len(name), end, names[name])


def dropped_abs(program: Program, node: ast.AST) -> Iterator[Edit]:
    """`abs(a)` becomes `a`."""
    if isinstance(node, ast.Call) and callee(node) == "abs" and len(node.args) == 1:
        yield program.unwrap(node, node.args[0])


def dropped_conversion(program: Program, node: ast.AST) -> Iterator[Edit]:
    """`set(a)`, `int(a)`, `str(a)`, `round(a)`, `reversed(a)` and the like become `a`."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or len(node.args) != 1:
        return
    if node.func.id in _CONVERSIONS and not isinstance(node.args[0], ast.Starred):
        yield program.unwrap(node, node.args[0])


def aliased_copy(program: Program, node: ast.AST) -> Iterator[Edit]:
    """`list(a)`, `a[:]` and `a.copy()` become `a`: two names for one list."""
    if isinstance(node, ast.Subscript) and program.get(node.slice) == ":":
        yield program.unwrap(node, node.value)
    elif isinstance(node, ast.Call) and callee(node) in _COPIES:
        method = isinstance(node.func, ast.Attribute) and not node.args
        if method and isinstance(node.func, ast.Attribute):
            yield program.unwrap(node, node.func.value)
        elif len(node.args) == 1 and not isinstance(node.args[0], ast.GeneratorExp | ast.Starred):
            yield program.unwrap(node, node.args[0])


CALLS = (
    sorted_without_key,
    sort_order,
    dropped_sort,
    swapped_arguments,
    missing_default,
    dropped_argument,
    min_max,
    any_all,
    sibling_function,
    dropped_abs,
    aliased_copy,
    dropped_conversion,
)
