"""What test code finds in the place of a few builtins, so that handles behave like the objects they stand for.

Trusted side, in a process of its own (see `apart`): modules of the standard library are changed for its lifetime.
"""

from __future__ import annotations

import builtins
import importlib
import random
import sys
import types
import typing
from collections.abc import Callable
from typing import Any

from staged_reward.sandbox.derive import find_super
from staged_reward.sandbox.evaluating import evaluators
from staged_reward.sandbox.handles import Handle, session_of
from staged_reward.sandbox.lending import TESTS, global_name
from staged_reward.sandbox.session import Session
from staged_reward.sandbox.strict_array import ARRAY_NAME
from staged_reward.sandbox.suite import TYPE_OF, Suite, compile_statements

SOLUTION = "solution"

_PREDICATES = (
    "isfunction", "isclass", "ismethod", "isgenerator", "isgeneratorfunction", "iscoroutine", "iscoroutinefunction",
    "isawaitable", "isasyncgen", "isasyncgenfunction", "isroutine", "isbuiltin", "isabstract",
)  # fmt: skip
_OF_DATACLASSES = ("asdict", "astuple", "fields", "is_dataclass", "replace")


def namespace_of_tests(session: Session, suite: Suite) -> dict[str, Any]:
    """Return an empty namespace for test code, that of a module."""
    module = types.ModuleType(TESTS)
    sys.modules[TESTS] = module
    sys.modules[SOLUTION] = _Solution(session)
    module.__dict__["__builtins__"] = {
        **vars(builtins),
        "isinstance": is_instance,
        "issubclass": is_subclass,
        "callable": is_callable,
        "super": find_super,
        "open": lambda *args, **kwargs: session.do("open", *args, **kwargs),
        **evaluators(session, suite.strings, compile_statements),
        TYPE_OF: type_of,
    }
    for name, adapt in _MODULES.items():
        if any(name in source for source in suite.codes):  # importing one for nothing takes time
            adapt(importlib.import_module(name))
    random.seed = _seeder(session, random.seed)
    session.watch_surroundings()
    return module.__dict__


class _Solution(types.ModuleType):
    """The program as a module, for a test that imports from it, or puts a mock into it."""

    def __init__(self, session: Session) -> None:
        super().__init__(SOLUTION)
        self.__dict__.update(_session=session, _originals={}, __path__=[])

    def __getattr__(self, name: str) -> Any:
        found = {} if name.startswith("__") else self._session.names({name}, entry_point=name)
        if name not in found:
            raise AttributeError(f"module {SOLUTION!r} has no attribute {name!r}")
        return found[name]

    def __setattr__(self, name: str, value: Any) -> None:
        self._originals.setdefault(name, getattr(self, name, None))
        self._session.do("define", name, value)

    def __delattr__(self, name: str) -> None:
        self._session.do("define", name, self._originals.pop(name))


def type_of(value: Any) -> Any:
    """Return the class of a value."""
    if isinstance(value, Handle):
        return session_of(value).do("type", value)
    return value.__class__.__base__ if value.__class__.__name__ == ARRAY_NAME else value.__class__


def is_callable(value: Any) -> bool:
    """Return whether a value can be called."""
    return bool(session_of(value).do("callable", value)) if isinstance(value, Handle) else callable(value)


def is_instance(value: Any, kinds: Any) -> bool:
    """Do what `isinstance` does; value and classes may be of the program."""
    return any(_is_instance(value, kind) for kind in _flat(kinds))


def _is_instance(value: Any, kind: Any) -> bool:
    if isinstance(value, Handle):
        return kind is object or bool(_can_cross(kind) and session_of(value).do("isinstance", value, kind))
    if isinstance(kind, Handle):
        fields = getattr(value, "_fields", None)  # a named tuple has left its class behind
        return fields is not None and (type(value).__name__, fields) == (kind.__name__, getattr(kind, "_fields", None))
    return isinstance(value, kind)


def is_subclass(one: Any, kinds: Any) -> bool:
    """Do what `issubclass` does; the classes may be of the program."""
    return any(_is_subclass(one, kind) for kind in _flat(kinds))


def _is_subclass(one: Any, kind: Any) -> bool:
    if isinstance(one, Handle):
        return kind is object or bool(_can_cross(kind) and session_of(one).do("issubclass", one, kind))
    return issubclass(one, kind)


def _flat(kinds: Any) -> list[Any]:
    if isinstance(kinds, tuple):
        return [kind for inner in kinds for kind in _flat(inner)]
    if isinstance(kinds, types.UnionType):
        return [kind for inner in typing.get_args(kinds) for kind in _flat(inner)]
    return [typing.get_origin(kinds) or kinds]


def _can_cross(kind: Any) -> bool:
    return isinstance(kind, Handle) or bool(global_name(kind))


def _adapt_inspect(module: Any) -> None:
    def adapt(name: str, original: Callable[[Any], bool]) -> None:
        def predicate(value: Any) -> bool:
            if isinstance(value, Handle):
                return bool(session_of(value).do("is", name, value))
            return bool(original(value))

        setattr(module, name, predicate)

    for name in _PREDICATES:
        adapt(name, getattr(module, name))


def _adapt_dataclasses(module: Any) -> None:
    def adapt(name: str, original: Callable[..., Any]) -> None:
        def function(value: Any, *args: Any, **kwargs: Any) -> Any:
            if isinstance(value, Handle):
                return session_of(value).do("dataclass", name, value, *args, **kwargs)
            return original(value, *args, **kwargs)

        setattr(module, name, function)

    for name in _OF_DATACLASSES:
        adapt(name, getattr(module, name))


def _adapt_asyncio(module: Any) -> None:
    _adapt_inspect(importlib.import_module("inspect"))
    original = module.run

    async def wait(awaitable: Any) -> Any:
        return await awaitable

    module.run = lambda main, **options: original(wait(main) if isinstance(main, Handle) else main, **options)


def _adapt_json(module: Any) -> None:
    def default(encoder: Any, value: Any) -> Any:
        if isinstance(value, Handle) and session_of(value).has_base(value):
            return session_of(value).base(value)
        raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")

    module.JSONEncoder.default = default


_MODULES: dict[str, Callable[[Any], None]] = {
    "inspect": _adapt_inspect,
    "dataclasses": _adapt_dataclasses,
    "asyncio": _adapt_asyncio,
    "json": _adapt_json,
}


def _seeder(session: Session, original: Callable[..., None]) -> Callable[..., None]:
    def seed(*args: Any, **kwargs: Any) -> None:
        original(*args, **kwargs)
        session.do("seed", *args, **kwargs)

    return seed
