"""The language of `CallTest.check`: one expression over `result` and `expected`.

It validates, compiles and runs checks. Allowed are literals, comparisons, arithmetic, comprehensions, a few pure
builtins (`CHECK_NAMES`), functions of `math`, and methods of plain values that change nothing. Not allowed are other
names and attributes, lambda, walrus, and operators by which a hostile result could become much larger
(`result * 10**9`, `result % 2` where the result is a format string). It does not bound the time that a check takes on a
large result; that is for the caller of `run_check`.
"""

from __future__ import annotations

import ast
import math
import symtable
import warnings
from types import CodeType, MappingProxyType
from typing import Any

from staged_reward.errors import InputError, nearest
from staged_reward.excerpt import shown
from staged_reward.literals import TYPES, fold, folds

EQUAL = "result == expected"

# fmt: off
_FUNCTIONS = (abs, all, any, bin, chr, divmod, enumerate, filter, hex, isinstance, len, map, max, min, oct, ord, repr,
              reversed, round, sorted, sum, zip)
MATH_NAMES = frozenset({
    "acos", "asin", "atan", "atan2", "ceil", "copysign", "cos", "degrees", "dist", "e", "exp", "fabs", "floor", "fmod",
    "fsum", "gcd", "hypot", "inf", "isclose", "isfinite", "isinf", "isnan", "isqrt", "log", "log10", "log2", "pi",
    "radians", "sin", "sqrt", "tan", "tau", "trunc",
})
ATTRIBUTES = frozenset({
    "capitalize", "casefold", "conjugate", "copy", "count", "difference", "endswith", "find", "get", "imag", "index",
    "intersection", "is_integer", "isalnum", "isalpha", "isdigit", "isdisjoint", "islower", "isspace", "issubset",
    "issuperset", "isupper", "items", "join", "keys", "lower", "lstrip", "most_common", "real", "rfind", "rstrip",
    "split", "splitlines", "startswith", "strip", "symmetric_difference", "title", "union", "upper", "values",
})
_NODES = (
    ast.Attribute, ast.BinOp, ast.BoolOp, ast.Call, ast.Compare, ast.Constant, ast.Dict, ast.DictComp, ast.Expression,
    ast.GeneratorExp, ast.IfExp, ast.List, ast.ListComp, ast.Name, ast.Set, ast.SetComp, ast.Slice, ast.Starred,
    ast.Subscript, ast.Tuple, ast.UnaryOp, ast.boolop, ast.cmpop, ast.comprehension, ast.expr_context, ast.keyword,
    ast.operator, ast.unaryop,
)
# fmt: on
CHECK_NAMES: MappingProxyType[str, Any] = MappingProxyType(
    {**TYPES, **{function.__name__: function for function in _FUNCTIONS}, "math": math}
)
_ARGUMENTS = frozenset({"result", "expected"})


def validate_check(source: str) -> CodeType:
    """Compile a check for `run_check`.

    Raises:
        InputError: The source is no expression, or goes beyond the language of checks.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source.strip(), mode="eval")
            names = _free_names(source.strip())
            code = compile(tree, "<check>", "eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InputError(f"check {shown(source)} is not a Python expression: {error}") from error
    for name in sorted(names - _ARGUMENTS - CHECK_NAMES.keys()):
        raise InputError(
            f"check {shown(source)}: name {name!r} is not available{nearest(name, _ARGUMENTS.union(CHECK_NAMES))}"
        )
    for node in ast.walk(tree):
        problem = _objection(node)
        if problem:
            raise InputError(f"check {shown(source)}: {problem}; use an `assert` test instead")
    return code


def run_check(code: CodeType, result: object, expected: object) -> bool:
    """Evaluate a compiled check. It raises whatever the expression raises on this result."""
    return bool(eval(code, {"__builtins__": {}, **CHECK_NAMES, "result": result, "expected": expected}))


def uses_expected(source: str) -> bool:
    """Tell whether a valid check looks at `expected`."""
    return "expected" in _free_names(source.strip())


def _free_names(source: str) -> set[str]:
    """Names that are not variables of a comprehension of the source."""
    top = symtable.symtable(source, "<check>", "eval")
    names, inner = set(top.get_identifiers()), list(top.get_children())
    while inner:
        table = inner.pop()
        names |= {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global()}
        inner.extend(table.get_children())
    return names


def _objection(node: ast.AST) -> str:
    """What is wrong with a node of a check by itself; empty when nothing is."""
    match node:
        case ast.Attribute(value=ast.Name(id="math"), attr=name):
            return "" if name in MATH_NAMES else f"'math.{name}' is not available"
        case ast.Attribute(attr=name):
            return "" if name in ATTRIBUTES else f"attribute {name!r} is not available"
        case ast.BinOp():
            return "" if _keeps_size(node) else f"this use of `{ast.unparse(node)}` could make a huge value"
        case ast.Call(func=ast.Name(id="range" | "bytes" as name)):
            return "" if folds(node) else f"{name!r} needs constant arguments"
        case ast.Call(func=ast.Name(id="type")) if len(node.args) != 1 or node.keywords:
            return "'type' takes one argument"
        case ast.Call(func=func) if not isinstance(func, ast.Attribute):
            known = isinstance(func, ast.Name) and func.id in CHECK_NAMES
            return "" if known else f"`{ast.unparse(func)}` is no function of checks"
        case ast.Name(id=name, ctx=ast.Store()) if name in CHECK_NAMES or name in _ARGUMENTS:
            return f"{name!r} cannot be bound"
        case ast.Compare():
            return "" if _compares_by_value(node) else "`is` needs None, True, False or a builtin type on one side"
        case ast.comprehension(is_async=1):
            return "async is not available"
        case ast.Constant(value=value) if value is Ellipsis:
            return "'...' is not available"
    return "" if isinstance(node, _NODES) else f"{type(node).__name__} is not available"


def _keeps_size(node: ast.BinOp) -> bool:
    if isinstance(node.op, ast.Add | ast.Sub | ast.Div | ast.FloorDiv | ast.BitAnd | ast.BitOr | ast.BitXor):
        return True
    if isinstance(node.op, ast.Mult) and any(folds(side) and type(fold(side)) is float for side in _sides(node)):
        return True
    if isinstance(node.op, ast.Mod) and folds(node.left) and isinstance(fold(node.left), int | float):
        return True
    return folds(node)


def _sides(node: ast.BinOp) -> tuple[ast.expr, ast.expr]:
    return node.left, node.right


def _compares_by_value(node: ast.Compare) -> bool:
    sides = [node.left, *node.comparators]
    return all(
        _is_singleton(sides[i]) or _is_singleton(sides[i + 1])
        for i, op in enumerate(node.ops)
        if isinstance(op, ast.Is | ast.IsNot)
    )


def _is_singleton(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return node.value is None or isinstance(node.value, bool)
    return isinstance(node, ast.Name) and node.id in TYPES
