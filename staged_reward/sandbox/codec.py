"""Plain data ↔ bytes, for what crosses between a program's process and the judge.

Both sides use it. The decoder treats its input as hostile: it builds nothing but the types listed here, runs no code of
the sender and raises `MalformedError` on anything else. Values of other types are `Opaque` to the encoder; the caller
decides what stands in for them.

Subclasses become their plain base, named tuples keep their field names, dataclass instances become `Record`, numpy
scalars become Python scalars, dict views become sets, a bytearray becomes bytes. MessagePack carries the frame; its
extension types carry the rest.
"""

from __future__ import annotations

import datetime
import functools
import math
import sys
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import msgpack

MAX_EXTENSION_DEPTH = 100  # a level takes 40 KiB of C stack
MAX_FIELDS = 255
MAX_DECIMAL_EXPONENT = 100_000  # `int(result)` in a check must not make a number of more digits than this
MAX_EMPTY_ITEMS = 10_000  # of an array that has a shape and no data
ARRAY_KINDS = frozenset("biufcSUmM")


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
    for t in (
        bool,
        int,
        float,
        complex,
        str,
        bytes,
        bytearray,
        list,
        tuple,
        dict,
        set,
        frozenset,
        range,
        object,
        type(None),
    )
}


def _exact_int(value: Any) -> int:
    return int.__add__(value, 0)


def _pack_array(array: Any) -> list[Any]:
    if array.dtype.hasobject or array.dtype.names:
        return ["", list(array.shape), array.tolist()]
    return [array.dtype.str, list(array.shape), array.tobytes()]


def _namedtuple_payload(value: Any) -> list[Any]:
    return [type(value).__name__, list(type(value)._fields), list(tuple.__iter__(value))]


def _unpack_array(payload: list[Any]) -> Any:
    """Build an array; one of objects becomes the list that it held."""
    kind, shape, data = payload
    if kind == "":
        return data
    if kind[1] not in ARRAY_KINDS or (not data and math.prod(length or 1 for length in shape) > MAX_EMPTY_ITEMS):
        raise MalformedError("an array of another kind or shape")
    import numpy as np

    return np.frombuffer(data, dtype=np.dtype(kind)).reshape(shape).copy()


@functools.lru_cache(maxsize=64)
def _namedtuple_class(name: str, fields: tuple[str, ...]) -> Any:
    if len(fields) > MAX_FIELDS:
        raise MalformedError("too many fields")
    return namedtuple(name, fields, rename=True)


def _unpack_namedtuple(payload: list[Any]) -> Any:
    name, fields, values = payload
    return _namedtuple_class(name, tuple(_exact(fields, list)))(*_exact(values, list))


def _unpack_defaultdict(payload: list[Any]) -> Any:
    factory, items = payload
    return defaultdict(_BUILTIN_TYPES.get(factory), _exact(items, dict))


def _unpack_fraction(payload: list[Any]) -> Fraction:
    numerator, denominator = payload
    return Fraction(_exact(numerator, int), _exact(denominator, int))


def _unpack_decimal(payload: str) -> Decimal:
    value = Decimal(payload)
    if value.is_finite() and abs(value.adjusted()) > MAX_DECIMAL_EXPONENT:
        raise MalformedError("a decimal number of too many digits")
    return value


def _unpack_reference(payload: list[Any]) -> Reference:
    number, type_name = payload
    return Reference(_exact(number, int), _exact(type_name, str))


def _exact(value: Any, kind: type) -> Any:
    """Return the value, which must be of exactly this type: a range in a list's place could stand for 10^18 items."""
    if type(value) is not kind:
        raise MalformedError(f"not a {kind.__name__}")
    return value


def _builtin_name(value: Any) -> str:
    name = getattr(value, "__name__", "")
    return name if _BUILTIN_TYPES.get(name) is value else ""


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
    defaultdict: (14, lambda v: [_builtin_name(v.default_factory), dict(dict.items(v))]),
    OrderedDict: (15, lambda v: [list(item) for item in OrderedDict.items(v)]),
    deque: (16, lambda v: [deque.maxlen.__get__(v), list(deque.__iter__(v))]),
    type(...): (17, lambda v: None),
}
_NAMEDTUPLE, _RECORD, _ARRAY, _TYPE, _REFERENCE = 18, 19, 20, 21, 22

# extension code → (type of its payload, payload → value). Sets are filled item by item, so that an alarm can end it.
_UNPACKERS: dict[int, tuple[type, Callable[[Any], Any]]] = {
    0: (list, tuple),
    1: (list, lambda p: {item for item in p}),  # noqa: C416
    2: (list, lambda p: frozenset({item for item in p})),  # noqa: C416
    3: (bytes, bytearray),
    4: (list, lambda p: complex(*p)),
    5: (list, lambda p: range(*p)),
    6: (bytes, lambda p: int.from_bytes(p, "little", signed=True)),
    7: (str, _unpack_decimal),
    8: (list, _unpack_fraction),
    9: (str, datetime.datetime.fromisoformat),
    10: (str, datetime.date.fromisoformat),
    11: (str, datetime.time.fromisoformat),
    12: (list, lambda p: datetime.timedelta(*p)),
    13: (dict, Counter),
    14: (list, _unpack_defaultdict),
    15: (list, lambda p: OrderedDict((key, value) for key, value in p)),
    16: (list, lambda p: deque(_exact(p[1], list), p[0])),
    17: (type(None), lambda p: ...),
    _NAMEDTUPLE: (list, _unpack_namedtuple),
    _RECORD: (list, lambda p: Record(p[0], dict(_exact(p[1], dict)))),
    _ARRAY: (list, _unpack_array),
    _TYPE: (str, lambda p: _BUILTIN_TYPES[p]),
    _REFERENCE: (list, _unpack_reference),
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
        if kind is type and (name := _builtin_name(value)):
            return msgpack.ExtType(_TYPE, pack(name))
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
                return msgpack.ExtType(_NAMEDTUPLE, pack(_namedtuple_payload(value)))
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


_DECODE_ERRORS = (
    ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError, MemoryError,
    msgpack.UnpackException,
)  # fmt: skip


def decode(data: bytes, resolve: Callable[[Reference], Any] | None = None) -> Any:
    """Unpack plain data; `resolve` says what a `Reference` stands for (itself by default).

    Raises:
        MalformedError: The bytes are not an encoding of plain data.
    """

    def unpack(data: bytes, depth: int) -> Any:
        if depth > MAX_EXTENSION_DEPTH:
            raise MalformedError("nested too deeply")

        def revive(code: int, payload: bytes) -> Any:
            kind, build = _UNPACKERS[code]
            value = build(_exact(unpack(payload, depth + 1), kind))
            return resolve(value) if resolve is not None and code == _REFERENCE else value

        return msgpack.unpackb(data, ext_hook=revive, strict_map_key=False, unicode_errors="surrogatepass")

    try:
        return unpack(data, 0)
    except MalformedError:
        raise
    except _DECODE_ERRORS as error:
        raise MalformedError(type(error).__name__) from None  # not its text: that may be too large to make
