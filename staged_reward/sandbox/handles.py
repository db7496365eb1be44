"""Live objects of the program, as the statements of an `assert` test see them. Trusted side.

The statements run in the judge. Names that the program defines are plain values, or `Handle`s: each operation on a handle
runs in the program's process, and its result comes back as plain data or as another handle. A handle never equals plain
data and takes no part in arithmetic with it, so a program cannot answer a comparison with an expected value itself.
"""

from __future__ import annotations

import builtins
import functools
import importlib
import sys
from collections.abc import Callable, Iterable
from typing import Any

from staged_reward.sandbox import codec
from staged_reward.sandbox.guest import LOAD_RAISED, RAISED
from staged_reward.sandbox.host import GuestProcess, operation


class GuestGoneError(BaseException):
    """The program's process ended while a test was using it. Not an `Exception`: tests must not catch it."""


class LoadError(BaseException):
    """The program could not be loaded; the arguments are the names of the exception's classes and its message."""


class Session:
    """One program's process, spoken to object by object."""

    def __init__(self, guest: GuestProcess) -> None:
        self._guest = guest
        self._exceptions: dict[str, type[BaseException]] = {}

    def names(self, names: Iterable[str]) -> dict[str, Any]:
        """Return those of `names` that the program defines: values, handles, exception classes, standard modules."""
        _, described, _, _ = self._ask("names", sorted(names))
        return {name: self._materialise(kind, value) for name, (kind, value) in described.items()}

    def do(self, function: str, *args: Any, **kwargs: Any) -> Any:
        """Perform one of the guest's functions; raise what the program raised."""
        operands = _referred(list(args)), _referred(kwargs)
        kind, *reply, printed, mutated = self._ask("do", function, *operands)
        if printed:
            sys.stdout.write(printed)
        if mutated is not None:
            _write_back(args, self._plain(mutated))
        if kind == RAISED:
            names, message = reply
            raise self._exception_class(names)(message)
        return self._plain(reply[0])

    def _ask(self, name: str, *operands: Any) -> Any:
        self._guest.send(operation(name, *operands))
        message = self._guest.receive()
        if message is None:
            raise GuestGoneError
        reply = codec.decode(message)
        if not isinstance(reply, list) or len(reply) not in (3, 4, 5):
            raise codec.MalformedError("a reply of another shape")
        if reply[0] == LOAD_RAISED:
            raise LoadError(*reply[1:])
        return reply

    def _plain(self, data: bytes) -> Any:
        return codec.decode(data, functools.partial(Handle, self))

    def _materialise(self, kind: str, value: Any) -> Any:
        if kind == "exception":
            return self._exception_class(value)
        if kind == "module" and value.partition(".")[0] in sys.stdlib_module_names:
            return importlib.import_module(value)
        if kind == "value":
            return self._plain(value)
        raise GuestGoneError

    def _exception_class(self, names: list[str]) -> type[BaseException]:
        name = str(names[0])
        known = getattr(builtins, name, None)
        if isinstance(known, type) and issubclass(known, BaseException):
            return _with_message_only(known)
        if name not in self._exceptions:
            base = self._exception_class(names[1:]) if len(names) > 1 else Exception
            self._exceptions[name] = type(name, (base,), {})
        return self._exceptions[name]


def _with_message_only(kind: type[BaseException]) -> type[BaseException]:
    """Return a class that can be raised with a message alone; a few builtin exceptions demand more."""
    if issubclass(kind, UnicodeError):
        return UnicodeError if kind is UnicodeError else type(kind.__name__, (UnicodeError,), {})
    if issubclass(kind, BaseExceptionGroup):
        return Exception
    return kind if issubclass(kind, Exception) else type(kind.__name__, (Exception,), {})


def _referred(value: Any) -> Any:
    """Replace the handles in lists, tuples, dicts and arguments by references."""
    if isinstance(value, Handle):
        return object.__getattribute__(value, "_reference")
    if type(value) in (list, tuple):
        return type(value)(map(_referred, value))
    if type(value) is dict:
        return {key: _referred(item) for key, item in value.items()}
    return value


def _write_back(args: tuple[Any, ...], after: list[Any]) -> None:
    """Give the caller's own lists, dicts, sets and bytearrays the contents that the call left in its copies."""
    for old, new in zip(args, after, strict=True):
        if type(old) is not type(new):
            continue
        if isinstance(old, list | bytearray):
            old[:] = new
        elif isinstance(old, dict | set):
            old.clear()
            old.update(new)


def _forward(function: str) -> Callable[..., Any]:
    def method(self: Handle, *args: Any) -> Any:
        return self._do(function, self, *args)

    return method


def _between_handles(function: str) -> Callable[..., Any]:
    def method(self: Handle, other: Any) -> Any:
        return self._do(function, self, other) if isinstance(other, Handle) else NotImplemented

    return method


class Handle:
    """Stands for an object in the program's process."""

    def __init__(self, session: Session, reference: codec.Reference) -> None:
        object.__setattr__(self, "_session", session)
        object.__setattr__(self, "_reference", reference)

    def _do(self, function: str, *args: Any, **kwargs: Any) -> Any:
        return object.__getattribute__(self, "_session").do(function, *args, **kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._do("call", self, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return self._do("getattr", self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._do("setattr", self, name, value)

    def __delattr__(self, name: str) -> None:
        self._do("delattr", self, name)

    def __instancecheck__(self, instance: Any) -> bool:
        return isinstance(instance, Handle) and bool(self._do("isinstance", instance, self))

    def __enter__(self) -> Any:
        return self.__getattr__("__enter__")()

    def __exit__(self, *error: Any) -> Any:
        return self.__getattr__("__exit__")(None, None, None)

    def __iter__(self) -> Any:
        iterator = self._do("iter", self)
        return iterator if isinstance(iterator, Handle) else iter(iterator)

    def __hash__(self) -> int:
        return hash(self._do("hash", self))

    def __eq__(self, other: object) -> Any:
        return isinstance(other, Handle) and bool(self._do("eq", self, other))

    def __ne__(self, other: object) -> Any:
        return not isinstance(other, Handle) or bool(self._do("ne", self, other))

    __next__, __len__, __bool__ = _forward("next"), _forward("len"), _forward("bool")
    __str__, __repr__, __int__, __float__ = _forward("str"), _forward("repr"), _forward("int"), _forward("float")
    __getitem__, __setitem__, __delitem__ = _forward("getitem"), _forward("setitem"), _forward("delitem")
    __contains__, __reversed__ = _forward("contains"), _forward("reversed")
    __lt__, __le__, __gt__, __ge__ = map(_between_handles, ("lt", "le", "gt", "ge"))
    __add__, __sub__, __mul__, __truediv__ = map(_between_handles, ("add", "sub", "mul", "truediv"))
    __floordiv__, __mod__, __matmul__ = map(_between_handles, ("floordiv", "mod", "matmul"))
    __and__, __or__, __xor__ = map(_between_handles, ("and_", "or_", "xor"))
