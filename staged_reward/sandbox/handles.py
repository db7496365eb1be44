"""Live objects of the program, as the statements of an `assert` test see them. Trusted side.

The statements run in the judge. Names that the program defines are plain values, or `Handle`s: each operation on a
handle runs in the program's process, and its result comes back as plain data or as another handle. A handle never
equals plain data and takes no part in arithmetic with it, so a program cannot answer a comparison with an expected
value itself. Nor can it put its own functions in the place of Python's builtins and modules, or swallow what a `with`
block raises.
"""

from __future__ import annotations

import builtins
import importlib
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

from staged_reward.errors import InfraError
from staged_reward.sandbox import codec
from staged_reward.sandbox.guest import RAISED, VALUE
from staged_reward.sandbox.host import GuestProcess, operation
from staged_reward.sandbox.reply import GuestGoneError, LoadError, Shapes, receive_reply
from staged_reward.sandbox.wire import FrameTooLargeError

# The modules that a test gets because the program imported them. Others it imports itself: importing one may run it.
SHARED_MODULES = frozenset({
    "bisect", "cmath", "collections", "copy", "datetime", "decimal", "fractions", "functools", "heapq", "itertools",
    "json", "math", "operator", "os", "random", "re", "statistics", "string", "sys", "time", "typing",
})  # fmt: skip
MAX_BASES = 50  # of an exception class

_NAMES_SHAPE: Shapes = {VALUE: (dict,)}
_DO_SHAPES: Shapes = {VALUE: (bytes, str, bytes | None), RAISED: (list, str, str, bytes | None)}


class Session:
    """One program's process, spoken to object by object.

    Args:
        guest: The process.
        handle_class: What stands for an object; `Handle` by default.

    Attributes:
        failure: What ended the conversation, if anything did: a test's own `except` may have hidden it.
    """

    def __init__(self, guest: GuestProcess, handle_class: type[Handle] | None = None) -> None:
        self._guest = guest
        self._handle_class = handle_class or Handle
        self._handles: dict[int, Handle] = {}
        self._exceptions: dict[str, type[BaseException]] = {}
        self.failure: BaseException | None = None

    def names(self, names: Collection[str], *, entry_point: str) -> dict[str, Any]:
        """Return those of `names` that the program defines: values, handles, exception classes, standard modules.

        Names of builtins and of shared modules keep their meaning, unless one is the entry point.
        """
        entry = entry_point.partition(".")[0].removesuffix("()")
        wanted = sorted(
            name for name in names if name == entry or not (name.startswith("__") or hasattr(builtins, name))
        )
        with self._noting_failure():
            _, (described,) = self._ask(_NAMES_SHAPE, "names", wanted)
            found: dict[str, Any] = {}
            for name in wanted:
                match described.get(name):
                    case ["exception", [str(), *_] as bases]:
                        found[name] = self._exception_class(bases)
                    case ["module", str(module)] if module in SHARED_MODULES:
                        found[name] = importlib.import_module(module)
                    case ["value", bytes(data)] if name == entry or name not in SHARED_MODULES:
                        found[name] = self._plain(data)
        return found

    def do(self, function: str, *args: Any, **kwargs: Any) -> Any:
        """Perform one of the guest's functions; raise what the program raised."""
        operands = _referred(list(args)), _referred(kwargs)
        with self._noting_failure():
            kind, (*items, printed, mutated) = self._ask(_DO_SHAPES, "do", function, *operands)
            after = None if mutated is None else self._plain(mutated)
            value = self._plain(items[0]) if kind == VALUE else None
        sys.stdout.write(printed)
        if isinstance(after, list):
            _write_back(args, after)
        if kind == RAISED:
            names, message = items
            raise self._exception_class(names)(message)
        return value

    @contextmanager
    def _noting_failure(self) -> Iterator[None]:
        try:
            yield
        except (GuestGoneError, LoadError, codec.MalformedError, FrameTooLargeError, InfraError) as error:
            self.failure = error
            raise

    def _ask(self, shapes: Shapes, name: str, *operands: Any) -> tuple[int, list[Any]]:
        self._guest.send(operation(name, *operands))
        return receive_reply(self._guest, shapes)

    def _plain(self, data: bytes) -> Any:
        return codec.decode(data, self._handle)

    def _handle(self, reference: codec.Reference) -> Handle:
        """Return the one handle of an object: `is` means the same on both sides."""
        if reference.number not in self._handles:
            self._handles[reference.number] = self._handle_class(self, reference)
        return self._handles[reference.number]

    def _exception_class(self, names: list[Any]) -> type[BaseException]:
        name = names[0] if isinstance(names[0], str) and names[0].isidentifier() else "Exception"
        known = getattr(builtins, name, None)
        if isinstance(known, type) and issubclass(known, BaseException):
            return _with_message_only(known)
        if name not in self._exceptions:
            bases = names[1:MAX_BASES]
            self._exceptions[name] = type(name, (self._exception_class(bases) if bases else Exception,), {})
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
    for old, new in zip(args, after, strict=False):
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
        return self._do("getattr", self, "__enter__")()

    def __exit__(self, *error: object) -> None:
        self._do("getattr", self, "__exit__")(None, None, None)

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
    __neg__, __abs__ = _forward("neg"), _forward("abs")
    __lt__, __le__, __gt__, __ge__ = map(_between_handles, ("lt", "le", "gt", "ge"))
    __add__, __sub__, __mul__, __truediv__ = map(_between_handles, ("add", "sub", "mul", "truediv"))
    __floordiv__, __mod__, __pow__, __matmul__ = map(_between_handles, ("floordiv", "mod", "pow", "matmul"))
    __and__, __or__, __xor__ = map(_between_handles, ("and_", "or_", "xor"))


class Result(Handle):
    """What a call returned that is no plain data, as a check sees it: to look through, not to ask for a verdict."""

    def __contains__(self, item: Any) -> bool:
        return any(item == other for other in self)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"a check calls no method {name!r} of the program")
