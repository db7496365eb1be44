"""Live objects of the program, as test code sees them. Trusted side.

Each operation on a handle runs in the program's process; its result comes back as plain data or as another handle. What
keeps that sound: **the program commits to plain data before the judge compares it, and is never asked whether something
equals an expected value**.

* A handle equals plain data only where its object is of a subclass of a plain type (an `IntEnum`, a `class Stack(list)`):
  the judge asks for the base value, without saying what for, and compares that. Two handles are compared by the program.
* `item in handle`, arithmetic and order with plain data go to the program only for instances that the test itself made
  by calling a class of the program (`Vector(1, 2) * 3`, `"cat" in Trie()`): that is a call like any other. What a
  function returned is looked through, or does not take part: else `abs(f(x) - 3.14) < 1e-6` would be the program's word.
* The truth of a handle is the program's to say, as the truth of any object is in Python: a program that can make an
  opaque object true can as well return `True`.
* A `with` block swallows only what a `raise` in the test raised, and never a failed assert.

What is refused is noted in the session, so that the verdict on a test that fails then can say why.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any

from staged_reward.sandbox.codec import Record, Reference

if TYPE_CHECKING:
    from staged_reward.sandbox.session import Session

# Looked up on the handle itself, by Python and its standard library.
_OWN = frozenset({
    "__class__", "__copy__", "__deepcopy__", "__mro_entries__", "__reduce__", "__reduce_ex__", "__reference__",
    "__isabstractmethod__", "__class_getitem__", "__instancecheck__", "__subclasscheck__", "__weakref__", "__await__",
})  # fmt: skip


def _forward(function: str) -> Callable[..., Any]:
    def method(self: Handle, *args: Any) -> Any:
        return session_of(self).do(function, self, *args)

    return method


def _with_operand(function: str, *, reflected: bool = False) -> Callable[..., Any]:
    """A binary operation: between handles, with what the test may let the program see, or with the base value."""

    def method(self: Handle, other: Any) -> Any:
        session = session_of(self)
        operands = (other, self) if reflected else (self, other)
        if isinstance(other, Handle) or session.is_subject(self):
            result = session.do(function, *operands)
            return session.as_subject(result) if session.is_subject(self) else result
        if session.has_base(self):
            base = session.base(self)
            return session.compute(function, *((other, base) if reflected else (base, other)))
        session.refuse(f"`{function.strip('_')}` of an object that the program returned and plain data")
        return NotImplemented

    return method


def _ordered(function: str) -> Callable[..., Any]:
    def method(self: Handle, other: Any) -> Any:
        session = session_of(self)
        if isinstance(other, Handle):
            return session.do(function, self, other)
        if session.has_base(self):
            return session.compute(function, session.base(self), other)
        session.refuse(f"`{function}` of an object of the program and plain data")
        return NotImplemented

    return method


def session_of(handle: Handle) -> Session:
    """Return the session of a handle; plain attribute access would ask the program."""
    session: Session = object.__getattribute__(handle, "_session")
    return session


class Handle:
    """Stands for an object in the program's process."""

    __slots__ = ("__weakref__", "_reference", "_session")

    def __init__(self, session: Session, reference: Reference) -> None:
        object.__setattr__(self, "_session", session)
        object.__setattr__(self, "_reference", reference)

    def __reference__(self) -> Reference:
        reference: Reference = object.__getattribute__(self, "_reference")
        return reference

    def __getattribute__(self, name: str) -> Any:
        if name in _OWN:
            return object.__getattribute__(self, name)
        session = session_of(self)
        return session.signature(self) if name == "__signature__" else session.attribute(self, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return session_of(self).call(self, *args, **kwargs)

    def __setattr__(self, name: str, value: Any) -> None:
        session_of(self).do("setattr", self, name, value)

    def __delattr__(self, name: str) -> None:
        session_of(self).do("delattr", self, name)

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        return (session_of(self).derivation(self),)

    def __instancecheck__(self, instance: Any) -> bool:
        return isinstance(instance, Handle) and bool(session_of(self).do("isinstance", instance, self))

    def __subclasscheck__(self, kind: Any) -> bool:
        return isinstance(kind, Handle) and bool(session_of(self).do("issubclass", kind, self))

    def __enter__(self) -> Any:
        return session_of(self).do("enter", self)

    def __exit__(self, kind: object, error: BaseException | None, traceback: Any) -> bool:
        return session_of(self).leave(self, error, traceback)

    def __iter__(self) -> Iterator[Any]:
        iterator = session_of(self).do("iter", self)
        return iterator if isinstance(iterator, Handle) else iter(iterator)

    def __reversed__(self) -> Iterator[Any]:
        iterator = session_of(self).do("reversed", self)
        return iterator if isinstance(iterator, Handle) else iter(iterator)

    def __contains__(self, item: Any) -> bool:
        session = session_of(self)
        if isinstance(item, Handle) or session.is_subject(self):
            return bool(session.do("contains", self, item))
        if session.has_base(self):
            return item in session.base(self)
        session.note("`in` an object that the program returned looks through what it yields")
        return any(item is other or item == other for other in self)

    def __await__(self) -> Generator[Any, Any, Any]:
        result: Any = session_of(self).do("run", self)
        return result
        yield  # a generator that yields nothing: the program's own event loop has done the work

    def __hash__(self) -> int:
        return hash(session_of(self).do("hash", self))

    def __eq__(self, other: object) -> Any:
        session = session_of(self)
        if isinstance(other, Handle):
            return session.equal(self, other)
        if other is not None and session.has_base(self):
            return session.compute("eq", session.base(self), other)
        session.refuse("`==` of an object of the program and plain data")
        return False

    def __ne__(self, other: object) -> Any:
        return bool(session_of(self).do("ne", self, other)) if isinstance(other, Handle) else not self == other

    __next__, __len__, __bool__ = _forward("next"), _forward("len"), _forward("bool")
    __str__, __repr__, __int__, __float__ = _forward("str"), _forward("repr"), _forward("int"), _forward("float")
    __getitem__, __setitem__, __delitem__ = _forward("getitem"), _forward("setitem"), _forward("delitem")
    __neg__, __pos__, __abs__, __invert__ = map(_forward, ("neg", "pos", "abs", "invert"))
    __copy__, __format__, __round__, __index__, __dir__ = map(_forward, ("copy", "format", "round", "index", "dir"))
    __lt__, __le__, __gt__, __ge__ = map(_ordered, ("lt", "le", "gt", "ge"))

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return session_of(self).do("deepcopy", self)


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and_", "or_", "xor", "lshift",
              "rshift", "divmod"):  # fmt: skip
    setattr(Handle, f"__{_name.rstrip('_')}__", _with_operand(_name))
    setattr(Handle, f"__r{_name.rstrip('_')}__", _with_operand(_name, reflected=True))
for _name in ("iadd", "isub", "imul", "itruediv", "ifloordiv", "imod", "ipow", "iand", "ior", "ixor"):
    setattr(Handle, f"__{_name}__", _with_operand(_name))


class Result(Handle):
    """What a call returned that is no plain data, as a check sees it: to look through, not to ask for a verdict."""

    __slots__ = ()

    def __contains__(self, item: Any) -> bool:
        return any(item == other for other in self)

    def __getattribute__(self, name: str) -> Any:
        if name in _OWN:
            return object.__getattribute__(self, name)
        raise AttributeError(f"a check calls no method {name!r} of the program")


def is_plain(value: Any) -> bool:
    """Whether what came back for a base value is data that can be compared here."""
    return not isinstance(value, Handle | Record)
