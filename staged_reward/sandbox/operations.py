"""What a test can ask for on live objects of the program, by name. Guest side."""

from __future__ import annotations

import builtins
import copy
import operator
import types
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any

from staged_reward.sandbox.borrowed import as_method
from staged_reward.sandbox.signatures import describe_signature


def _property(*functions: Any) -> property:
    getter, setter, deleter = (None if function is None else as_method(function) for function in functions)
    return property(getter, setter, deleter)


def _build_class(name: str, bases: list[type], attributes: dict[str, list[Any]]) -> type:
    """Make a class whose functions are the test's. An attribute is [what it is, its functions or its value]."""
    makers: dict[str, Callable[..., Any]] = {
        "function": as_method,
        "staticmethod": lambda function: staticmethod(as_method(function)),
        "classmethod": lambda function: classmethod(as_method(function)),
        "property": _property,
        "value": lambda value: value,
    }
    body = {key: makers[kind](*values) for key, (kind, *values) in attributes.items()}
    return types.new_class(name, tuple(bases), {}, lambda namespace: namespace.update(body))


def _is(predicate: str, value: Any) -> bool:
    import inspect

    return bool(getattr(inspect, predicate)(value))


def _run(awaitable: Any) -> Any:
    """Run a coroutine, or another awaitable, to its end."""
    import asyncio

    async def wait() -> Any:
        return await awaitable

    return asyncio.run(wait())


def _dataclass(function: str, *args: Any, **kwargs: Any) -> Any:
    import dataclasses

    return getattr(dataclasses, function)(*args, **kwargs)


def _seed(*args: Any) -> None:
    import random

    random.seed(*args)


def _open(path: str, *args: Any, **kwargs: Any) -> Any:
    return open(path, *args, **kwargs)


# What a test may change through the object that holds it.
CONTAINERS = frozenset({list, dict, set, bytearray, deque, defaultdict, OrderedDict, Counter})

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "call": lambda function, *args, **kwargs: function(*args, **kwargs),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "enter": lambda manager: manager.__enter__(),
    "build_class": _build_class,
    "signature": describe_signature,
    "is": _is,
    "run": _run,
    "open": _open,
    "dataclass": _dataclass,
    "seed": _seed,
    "super": super,
    "type": type,
    **{
        name: getattr(builtins, name)
        for name in ("getattr", "setattr", "delattr", "len", "iter", "next", "bool", "str", "callable", "issubclass",
                     "round", "format", "divmod", "dir")
    },
    **{name: getattr(builtins, name) for name in ("repr", "hash", "isinstance", "int", "float", "abs", "reversed")},
    **{name: getattr(operator, name) for name in ("getitem", "setitem", "delitem", "contains", "neg", "pos", "invert")},
    **{name: getattr(operator, name) for name in ("eq", "ne", "lt", "le", "gt", "ge", "index")},
    **{name: getattr(operator, name) for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul")},
    **{name: getattr(operator, name) for name in ("and_", "or_", "xor", "lshift", "rshift")},
    **{
        name: getattr(operator, name)
        for name in ("iadd", "isub", "imul", "itruediv", "ifloordiv", "imod", "ipow", "iand", "ior", "ixor")
    },
}  # fmt: skip
