"""`class Dog(Animal)` in a test, where `Animal` is a class of the program. Trusted side.

The class is made in the program's process; its functions stay here, and are lent.
"""

from __future__ import annotations

import builtins
import sys
import types
from typing import Any

from staged_reward.sandbox.handles import Handle, session_of

_OF_THE_STATEMENT = frozenset({
    "__module__", "__qualname__", "__orig_bases__", "__classcell__", "__annotations__", "__firstlineno__",
    "__static_attributes__",
})  # fmt: skip


class Derived(type):
    """Metaclass of what stands for a class of the program among the bases of a class of the test."""

    def __new__(mcls, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> Any:
        """Make that stand-in, or, for a class that derives from it, the class in the program's process."""
        if "_base" in body:
            return super().__new__(mcls, name, bases, body)
        originals = body["__orig_bases__"]
        session = next(base._session for base in bases if isinstance(base, Derived))  # type: ignore[attr-defined]
        cell = body.get("__classcell__")
        made = session.build_class(name, list(originals), body)
        if cell is not None:
            cell.cell_contents = made  # what `super()` finds
        return made


def class_body(body: dict[str, Any]) -> dict[str, list[Any]]:
    """Return the attributes of a class as [what it is, its functions or its value]."""
    return {name: _attribute(value) for name, value in body.items() if name not in _OF_THE_STATEMENT}


def _attribute(value: Any) -> list[Any]:
    match value:
        case types.FunctionType():
            return ["function", value]
        case staticmethod() | classmethod():
            return [type(value).__name__, value.__func__]
        case property():
            return ["property", value.fget, value.fset, value.fdel]
    return ["value", value]


def find_super(*args: Any) -> Any:
    """Do what `super` does; its class may be one of the program."""
    if not args:
        frame = sys._getframe(1)
        first = frame.f_code.co_varnames[0]
        args = frame.f_locals["__class__"], frame.f_locals[first]
    if isinstance(args[0], Handle):
        return session_of(args[0]).do("super", *args)
    return builtins.super(*args)
