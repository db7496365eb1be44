"""Objects of the test, as the program sees them. Guest side.

A function, an iterator or an instance that a test passes to the program stays with the judge; the program holds a
`Borrowed` for it, and each operation on that is asked of the judge (`lending`), which answers or raises.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

from staged_reward.sandbox.plain import Reference
from staged_reward.sandbox.signatures import make_signature

# Asks the judge: (function, operands, keyword arguments) → result.
Ask = Callable[[str, tuple[Any, ...], dict[str, Any]], Any]

OPERATIONS = (
    "len", "next", "bool", "str", "repr", "hash", "int", "float", "abs", "getitem", "setitem", "delitem", "contains",
    "eq", "ne", "lt", "le", "gt", "ge", "add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "neg", "enter", "exit",
)  # fmt: skip

_OWN = frozenset({"__class__", "__reference__", "__await__", "__reduce_ex__", "__isabstractmethod__"})


class Borrowed:
    """Stands for an object of the test."""

    __slots__ = ("__weakref__", "_ask", "_reference")

    def __init__(self, ask: Ask, reference: Reference) -> None:
        object.__setattr__(self, "_ask", ask)
        object.__setattr__(self, "_reference", reference)

    def __reference__(self) -> Reference:
        reference: Reference = object.__getattribute__(self, "_reference")
        return reference

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return object.__getattribute__(self, "_ask")("call", (self, *args), kwargs)

    def __getattribute__(self, name: str) -> Any:
        if name in _OWN:
            return object.__getattribute__(self, name)
        ask = object.__getattribute__(self, "_ask")
        if name == "__signature__":
            return make_signature(ask("signature", (self,), {}))
        return ask("getattr", (self, name), {})

    def __await__(self) -> Any:
        return object.__getattribute__(self, "_ask")("run", (self,), {})
        yield  # a generator that yields nothing: the test's side has done the work

    def __setattr__(self, name: str, value: Any) -> None:
        object.__getattribute__(self, "_ask")("setattr", (self, name, value), {})

    def __iter__(self) -> Any:
        iterator = object.__getattribute__(self, "_ask")("iter", (self,), {})
        return iterator if isinstance(iterator, Borrowed) else iter(iterator)


def _forward(function: str) -> Callable[..., Any]:
    def method(self: Borrowed, *args: Any) -> Any:
        return object.__getattribute__(self, "_ask")(function, (self, *args), {})

    return method


for _name in OPERATIONS:
    setattr(Borrowed, f"__{_name.rstrip('_')}__", _forward(_name))


def make_error(namespace: dict[str, Any], names: list[str], args: list[Any], message: str) -> BaseException:
    """Return an exception of these classes, most derived first: the program's and Python's own where it has them."""
    kind: type[BaseException] = Exception
    for name in reversed(names):
        known = namespace.get(name) or getattr(builtins, name, None)
        is_known = isinstance(known, type) and issubclass(known, BaseException)
        kind = known if is_known else type(name, (kind,), {})  # type: ignore[assignment]
    try:
        return kind(*args)
    except Exception:  # noqa: BLE001  a class that demands other arguments
        return Exception(message)


def as_method(function: Any) -> Callable[..., Any]:
    """Return a function that a class binds to its instances, as it would not bind a `Borrowed`."""

    def method(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return method
