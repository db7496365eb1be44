"""Plain data → bytes, for what crosses between a program's process and the judge; `unpack` is the way back.

Both sides use it. Values of other types are `Opaque` to the encoder; the caller decides what stands in for them.

Subclasses become their plain base, named tuples keep their field names, dataclass instances become `Record`, numpy
scalars become Python scalars, a bytearray becomes bytes. MessagePack carries the frame; its extension types carry the
rest.
"""

from __future__ import annotations

import datetime
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgpack

from staged_reward.sandbox.plain import (
    ARRAY,
    BUILTIN_TYPES,
    CODES,
    ERROR,
    ITEMS,
    KEYS,
    NAMEDTUPLE,
    RECORD,
    REFERENCE,
    SLICE,
    TYPE,
    Error,
    MalformedError,
    OpaqueError,
    Record,
    Reference,
    TooLargeError,
)
from staged_reward.sandbox.unpack import decode

__all__ = ["MalformedError", "OpaqueError", "Record", "Reference", "TooLargeError", "decode", "encode"]


def _exact_int(value: Any) -> int:
    return int.__add__(value, 0)


def _pack_array(array: Any) -> list[Any]:
    if array.dtype.hasobject or array.dtype.names:
        return ["", list(array.shape), array.tolist()]
    return [array.dtype.str, list(array.shape), array.tobytes()]


def _namedtuple_payload(value: Any) -> list[Any]:
    return [type(value).__name__, list(type(value)._fields), list(tuple.__iter__(value))]


_FIRST_BYTES = 1 << 10  # of the packer's buffer; its own 256 KiB are fresh pages each time


def _builtin_name(value: Any) -> str:
    name = getattr(value, "__name__", "")
    return name if BUILTIN_TYPES.get(name) is value else ""


# type → payload of a value; payloads are packed again with the same rules.
_PAYLOADS: dict[type, Callable[[Any], Any]] = {
    tuple: lambda v: list(tuple.__iter__(v)),
    set: lambda v: list(set.__iter__(v)),
    frozenset: lambda v: list(frozenset.__iter__(v)),
    bytearray: lambda v: bytes(memoryview(v)),
    complex: lambda v: [complex.__pos__(v).real, complex.__pos__(v).imag],
    range: lambda v: [v.start, v.stop, v.step],
    int: lambda v: int.to_bytes(v, int.bit_length(v) // 8 + 1, "little", signed=True),
    Decimal: lambda v: Decimal.__str__(v),
    Fraction: lambda v: [_exact_int(v.numerator), _exact_int(v.denominator)],
    datetime.datetime: datetime.datetime.isoformat,
    datetime.date: datetime.date.isoformat,
    datetime.time: datetime.time.isoformat,
    datetime.timedelta: lambda v: [v.days, v.seconds, v.microseconds],
    Counter: lambda v: dict(dict.items(v)),
    defaultdict: lambda v: [_builtin_name(v.default_factory), dict(dict.items(v))],
    OrderedDict: lambda v: [list(item) for item in OrderedDict.items(v)],
    deque: lambda v: [deque.maxlen.__get__(v), list(deque.__iter__(v))],
    type(...): lambda v: None,
}
_PACKERS = {kind: (CODES[kind], payload) for kind, payload in _PAYLOADS.items()}
_OTHERS: dict[type, tuple[int, Callable[[Any], Any]]] = {
    type({}.keys()): (KEYS, list),
    type({}.items()): (ITEMS, lambda v: [list(item) for item in v]),
    slice: (SLICE, lambda v: [v.start, v.stop, v.step]),
}

# plain base → how to get the exact base value out of an instance of a subclass
_BASES: dict[type, Callable[[Any], Any]] = {
    int: _exact_int,
    float: float.__pos__,
    str: lambda v: str.__add__(v, ""),
    bytes: lambda v: bytes(memoryview(v)),
    list: lambda v: list(list.__iter__(v)),
    dict: lambda v: dict(dict.items(v)),
}


def encode(value: Any, refer: Callable[[Any], Reference | Error] | None = None) -> bytes:
    """Pack plain data; `refer` says what stands for an object that is not plain.

    A type with a method `__reference__` says by it what stands for its instances, and is asked first.

    Raises:
        OpaqueError: The value holds something that is not plain data, and `refer` is None.
        ValueError: The value is nested too deeply, or in itself.
    """

    def pack(value: Any) -> bytes:
        packed = msgpack.packb(
            value, default=extend, strict_types=True, unicode_errors="surrogatepass", buf_size=_FIRST_BYTES
        )
        assert isinstance(packed, bytes)
        return packed

    def extend(value: Any) -> Any:
        kind = type(value)
        if kind in _PACKERS:
            code, payload = _PACKERS[kind]
            return msgpack.ExtType(code, pack(payload(value)))
        if kind is Error:
            return msgpack.ExtType(ERROR, pack(list(value)))
        if kind is Reference:
            return msgpack.ExtType(REFERENCE, pack([value.number, value.type_name]))
        if kind is type and (name := _builtin_name(value)):
            return msgpack.ExtType(TYPE, pack(name))
        if kind is Record or (refer is None and hasattr(kind, "__dataclass_fields__")):
            return msgpack.ExtType(RECORD, pack(_record_payload(value)))
        if (reference := getattr(kind, "__reference__", None)) is not None:
            return extend(reference(value))
        return subclass(value, kind)

    def subclass(value: Any, kind: type) -> Any:
        numpy = sys.modules.get("numpy")
        if numpy is not None and isinstance(value, numpy.generic | numpy.ndarray):
            if isinstance(value, numpy.generic):
                return _plain_scalar(value.item())
            return msgpack.ExtType(ARRAY, pack(_pack_array(value)))
        if kind in _OTHERS:
            code, payload = _OTHERS[kind]
            return msgpack.ExtType(code, pack(payload(value)))
        if refer is not None and _has_behaviour(kind):
            return extend(refer(value))
        for base in kind.__mro__[1:]:
            if base is tuple and isinstance(getattr(kind, "_fields", None), tuple):
                return msgpack.ExtType(NAMEDTUPLE, pack(_namedtuple_payload(value)))
            if base in _PACKERS and base is not int:
                code, payload = _PACKERS[base]
                return msgpack.ExtType(code, pack(payload(value)))
            if base in _BASES:
                return _plain_scalar(_BASES[base](value))
        if refer is None:
            raise OpaqueError(kind.__name__)
        return extend(refer(value))

    def _plain_scalar(value: Any) -> Any:
        if type(value) is int and not -(2**63) <= value < 2**64:
            return extend(value)
        return value if type(value) in (bool, int, float, str, bytes, list, dict) else extend(value)

    try:
        return pack(value)
    except RecursionError as error:
        raise ValueError("the value is nested too deeply, or in itself") from error


# What the class statement itself, or `namedtuple`, puts into a class.
_OF_EVERY_CLASS = frozenset({
    "__annotations__", "__dict__", "__doc__", "__getnewargs__", "__init__", "__match_args__", "__module__", "__new__",
    "__qualname__", "__repr__", "__slots__", "__weakref__", "_asdict", "_field_defaults", "_fields", "_make", "_replace",
    "__orig_bases__", "__parameters__", "__hash__", "__eq__", "__ne__", "__str__", "__abstractmethods__", "_abc_impl",
})  # fmt: skip


def _has_behaviour(kind: type) -> bool:
    """Whether a subclass of a plain type has attributes of its own: its instances are then more than plain data."""
    for base in kind.__mro__:
        if base in _BASES or base in _PACKERS:
            return False
        fields = vars(base).get("_fields", ())
        if any(name not in _OF_EVERY_CLASS and name not in fields for name in vars(base)):
            return True
    return False


def _record_payload(value: Any) -> list[Any]:
    if type(value) is Record:
        return [value.name, value.values]
    return [type(value).__name__, {name: getattr(value, name) for name in type(value).__dataclass_fields__}]
