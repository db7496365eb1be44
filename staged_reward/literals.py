"""Python expressions of plain data, to their values.

It folds what a test author writes as an argument or an expected value: literals, containers of them, constant
arithmetic (`3 * 19`, `[0] * 5`) and calls of pure builtins (`set()`, `float("inf")`, `range(9)`). It never runs source
code, looks up no names but builtins, and refuses values that are much larger than their source.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Iterable
from types import MappingProxyType
from typing import Any

MAX_ITEMS = 100_000  # of one repeated sequence or materialised range
MAX_BITS = 4_096  # of one integer made by ** or <<; below Python's limit for printing integers

TYPES: MappingProxyType[str, type] = MappingProxyType(
    {
        kind.__name__: kind
        for kind in (bool, bytes, complex, dict, float, frozenset, int, list, object, range, set, str, tuple, type)
    }
)
_BUILDERS: dict[str, Callable[..., Any]] = {
    **{name: kind for name, kind in TYPES.items() if kind not in (object, type)},
    **{function.__name__: function for function in (abs, len, max, min, round, sorted, sum)},
}
_MATH = {"e": math.e, "inf": math.inf, "pi": math.pi, "tau": math.tau}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.Not: operator.not_,
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
}
_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.LShift: operator.lshift,
    ast.Mod: operator.mod,
    ast.Mult: operator.mul,
    ast.Pow: operator.pow,
    ast.RShift: operator.rshift,
    ast.Sub: operator.sub,
}


def fold(node: ast.expr) -> Any:
    """Return the value of an expression of plain data.

    Raises:
        ValueError: The expression is anything else, fails when evaluated, or its value is too large.
    """
    try:
        return _fold(node)
    except (ArithmeticError, TypeError, RecursionError) as error:
        raise ValueError(f"not plain data: {error}") from error


def folds(node: ast.expr) -> bool:
    """Tell whether `fold` has a value for the expression."""
    try:
        fold(node)
    except ValueError:
        return False
    return True


def fold_arguments(call: ast.Call) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the positional and keyword arguments of a call; `*` and `**` of plain data are unpacked.

    Raises:
        ValueError: An argument is not plain data.
    """
    named = {keyword.arg: fold(keyword.value) for keyword in call.keywords if keyword.arg is not None}
    for keyword in call.keywords:
        if keyword.arg is None:
            more = fold(keyword.value)
            if (
                not isinstance(more, dict)
                or not all(isinstance(key, str) for key in more)
                or named.keys() & more.keys()
            ):
                raise ValueError("not plain data: ** of something else than distinct names")
            named |= more
    try:
        return tuple(_items(call.args)), named
    except (ArithmeticError, TypeError, RecursionError) as error:
        raise ValueError(f"not plain data: {error}") from error


def _fold(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=value) if value is not Ellipsis:
            return value
        case ast.List(elts=elements):
            return _items(elements)
        case ast.Tuple(elts=elements):
            return tuple(_items(elements))
        case ast.Set(elts=elements):
            return set(_items(elements))
        case ast.Dict(keys=keys, values=values):
            return {_fold(_present(key)): _fold(value) for key, value in zip(keys, values, strict=True)}
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _UNARY:
            return _UNARY[type(op)](_fold(operand))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return _binary(type(op), _fold(left), _fold(right))
        case ast.Name(id=name) if name in TYPES:
            return TYPES[name]
        case ast.Attribute(value=ast.Name(id="math"), attr=name) if name in _MATH:
            return _MATH[name]
        case ast.Call(func=ast.Name(id=name)) if name in _BUILDERS:
            return _build(name, *fold_arguments(node))
    raise ValueError(f"not plain data: {type(node).__name__}")


def _present(key: ast.expr | None) -> ast.expr:
    if key is None:
        raise ValueError("not plain data: ** in a dict")
    return key


def _items(elements: Iterable[ast.expr]) -> list[Any]:
    values: list[Any] = []
    for element in elements:
        if isinstance(element, ast.Starred):
            values.extend(_bounded(_fold(element.value)))
        else:
            values.append(_fold(element))
    return values


def _bounded(value: Any) -> Any:
    if isinstance(value, range) and len(value) > MAX_ITEMS:
        raise ValueError(f"not plain data: {value} is too long")
    return value


def _build(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if name == "bytes" and any(isinstance(arg, int) for arg in args):
        raise ValueError("not plain data: bytes of a length")
    if name != "range":
        args = tuple(_bounded(arg) for arg in args)
    return _BUILDERS[name](*args, **kwargs)


def _binary(op: type[ast.operator], left: Any, right: Any) -> Any:
    if op is ast.Mult:
        _check_repeat(left, right)
        _check_repeat(right, left)
    if op is ast.Mod and isinstance(left, str | bytes):
        raise ValueError("not plain data: string formatting")
    if op is ast.Pow and isinstance(left, int) and isinstance(right, int):
        _check_bits(left.bit_length() * right)
    if op is ast.LShift and isinstance(left, int) and isinstance(right, int):
        _check_bits(left.bit_length() + right)
    return _BINARY[op](left, right)


def _check_repeat(sequence: Any, times: Any) -> None:
    """Refuse long repeats, and repeats of containers: the copies would be one object in Python, but not on a wire."""
    if not isinstance(sequence, list | tuple | str | bytes) or not isinstance(times, int):
        return
    if len(sequence) * times > MAX_ITEMS:
        raise ValueError("not plain data: too long a repeat")
    if isinstance(sequence, list | tuple) and any(isinstance(item, list | tuple | set | dict) for item in sequence):
        raise ValueError("not plain data: repeated containers")


def _check_bits(bits: int) -> None:
    if bits > MAX_BITS:
        raise ValueError("not plain data: too large an integer")
