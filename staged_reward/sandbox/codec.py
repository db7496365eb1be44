"""Plain data ↔ bytes, for what crosses between a program's process and the judge.

Both sides use it. The decoder treats its input as hostile: it builds nothing but the types listed here, runs no code of
the sender and raises `MalformedError` on anything else. Values of other types are `Opaque` to the encoder; the caller
decides what stands in for them.

Subclasses become their plain base, named tuples keep their field names, dataclass instances become `Record`, numpy
scalars become Python scalars, dict views become sets. MessagePack carries the frame; its extension types carry the rest.
"""

from __future__ import annotations

import datetime
import sys
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import msgpack

MAX_EXTENSION_DEPTH = 200


class MalformedError(ValueError):
    """The bytes are not an encoding of plain data."""


class OpaqueError(TypeError):
    """The value holds something that is not plain data; the argument is that thing's type name."""


class Record(NamedTuple):
    """What a dataclass instance decodes to: its class name and its fields."""

    name: str
    values: dict[str, Any]


class Reference(NamedTuple):
    """A number that stands for an object which stays in the program's process."""

    number: int
    type_name: str


_BUILTIN_TYPES: dict[str, type] = {
    t.__name__: t
    for t in (bool, int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset, range, object, type(None))
}


def _exact_int(value: Any) -> int:
    return int.__add__(value, 0)


def _pack_array(array: Any) -> list[Any]:
    if array.dtype.hasobject or array.dtype.names:
        return ["", array.shape, array.tolist()]
    return [array.dtype.str, array.shape, array.tobytes()]


def _unpack_array(payload: Any) -> Any:
    import numpy as np

    kind, shape, data = payload
    if not kind:
        raise MalformedError("array of objects")
    return np.frombuffer(data, dtype=np.dtype(kind)).reshape(tuple(shape)).copy()


def _unpack_namedtuple(payload: Any) -> Any:
    name, names, values = payload
    return namedtuple(name, names)(*values)  # type: ignore[misc]  # noqa: PYI024


def _unpack_defaultdict(payload: Any) -> Any:
    factory, items = payload
    return defaultdict(_BUILTIN_TYPES.get(factory), items)


def _unpack_range(payload: Any) -> range:
    return range(*payload)


def _default_factory_name(value: defaultdict[Any, Any]) -> str:
    factory = value.default_factory
    name = getattr(factory, "__name__", "")
    return name if _BUILTIN_TYPES.get(name) is factory else ""


# type → (extension code, value → payload); payloads are packed again with the same rules.
_PACKERS: dict[type, tuple[int, Callable[[Any], Any]]] = {
    tuple: (0, lambda v: list(tuple.__iter__(v))),
    set: (1, lambda v: list(set.__iter__(v))),
    frozenset: (2, lambda v: list(frozenset.__iter__(v))),
    bytearray: (3, lambda v: bytes(memoryview(v))),
    complex: (4, lambda v: [complex.__pos__(v).real, complex.__pos__(v).imag]),
    range: (5, lambda v: [v.start, v.stop, v.step]),
    int: (6, lambda v: int.to_bytes(v, int.bit_length(v) // 8 + 1, "little", signed=True)),
    Decimal: (7, lambda v: Decimal.__str__(v)),
    Fraction: (8, lambda v: [_exact_int(v.numerator), _exact_int(v.denominator)]),
    datetime.datetime: (9, datetime.datetime.isoformat),
    datetime.date: (10, datetime.date.isoformat),
    datetime.time: (11, datetime.time.isoformat),
    datetime.timedelta: (12, lambda v: [v.days, v.seconds, v.microseconds]),
    Counter: (13, lambda v: dict(dict.items(v))),
    defaultdict: (14, lambda v: [_default_factory_name(v), dict(dict.items(v))]),
    OrderedDict: (15, lambda v: [list(item) for item in OrderedDict.items(v)]),
    deque: (16, lambda v: [deque.maxlen.__get__(v), list(deque.__iter__(v))]),
    type(...): (17, lambda v: None),
}
_NAMEDTUPLE, _RECORD, _ARRAY, _TYPE, _REFERENCE = 18, 19, 20, 21, 22

_UNPACKERS: dict[int, Callable[[Any], Any]] = {
    0: tuple,
    1: set,
    2: frozenset,
    3: bytearray,
    4: lambda p: complex(*p),
    5: _unpack_range,
    6: lambda p: int.from_bytes(p, "little", signed=True),
    7: Decimal,
    8: lambda p: Fraction(*p),
    9: datetime.datetime.fromisoformat,
    10: datetime.date.fromisoformat,
    11: datetime.time.fromisoformat,
    12: lambda p: datetime.timedelta(*p),
    13: Counter,
    14: _unpack_defaultdict,
    15: OrderedDict,
    16: lambda p: deque(p[1], p[0]),
    17: lambda p: ...,
    _NAMEDTUPLE: _unpack_namedtuple,
    _RECORD: lambda p: Record(p[0], dict(p[1])),
    _ARRAY: _unpack_array,
    _TYPE: lambda p: _BUILTIN_TYPES[p],
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


def encode(value: Any, refer: Callable[[Any], Reference] | None = None) -> bytes:
    """Pack plain data; `refer` turns an object that is not plain into a `Reference`.

    Raises:
        OpaqueError: The value holds something that is not plain data, and `refer` is None.
        ValueError: The value is nested too deeply, or in itself.
    """

    def pack(value: Any) -> bytes:
        packed = msgpack.packb(value, default=extend, strict_types=True, unicode_errors="surrogatepass")
        assert isinstance(packed, bytes)
        return packed

    def extend(value: Any) -> Any:
        kind = type(value)
        if kind in _PACKERS:
            code, payload = _PACKERS[kind]
            return msgpack.ExtType(code, pack(payload(value)))
        if kind is Reference:
            return msgpack.ExtType(_REFERENCE, pack([value.number, value.type_name]))
        if kind is type and _BUILTIN_TYPES.get(value.__name__) is value:
            return msgpack.ExtType(_TYPE, pack(value.__name__))
        if kind is Record or (refer is None and hasattr(kind, "__dataclass_fields__")):
            return msgpack.ExtType(_RECORD, pack(_record_payload(value)))
        return subclass(value, kind)

    def subclass(value: Any, kind: type) -> Any:
        numpy = sys.modules.get("numpy")
        if numpy is not None and isinstance(value, numpy.generic | numpy.ndarray):
            if isinstance(value, numpy.generic):
                return _plain_scalar(value.item())
            return msgpack.ExtType(_ARRAY, pack(_pack_array(value)))
        if kind is type({}.keys()) or kind is type({}.items()):
            return msgpack.ExtType(1, pack(list(value)))
        for base in kind.__mro__[1:]:
            if base is tuple and isinstance(getattr(kind, "_fields", None), tuple):
                return msgpack.ExtType(_NAMEDTUPLE, pack([kind.__name__, list(kind._fields), list(tuple.__iter__(value))]))  # type: ignore[attr-defined]
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


def _record_payload(value: Any) -> list[Any]:
    if type(value) is Record:
        return [value.name, value.values]
    return [type(value).__name__, {name: getattr(value, name) for name in type(value).__dataclass_fields__}]


def decode(data: bytes, resolve: Callable[[Reference], Any] | None = None) -> Any:
    """Unpack plain data; `resolve` says what a `Reference` stands for (itself by default).

    Raises:
        MalformedError: The bytes are not an encoding of plain data.
    """

    def unpack(data: bytes, depth: int) -> Any:
        if depth > MAX_EXTENSION_DEPTH:
            raise MalformedError("nested too deeply")

        def revive(code: int, payload: bytes) -> Any:
            inner = unpack(payload, depth + 1)
            if code == _REFERENCE:
                reference = Reference(*inner)
                return resolve(reference) if resolve else reference
            return _UNPACKERS[code](inner)

        return msgpack.unpackb(data, ext_hook=revive, strict_map_key=False, unicode_errors="surrogatepass")

    try:
        return unpack(data, 0)
    except MalformedError:
        raise
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError, RecursionError, MemoryError, msgpack.UnpackException) as error:
        raise MalformedError(f"{type(error).__name__}: {error}"[:200]) from None
