"""Bytes → plain data: the way back from `codec.encode`.

It treats its input as hostile: it builds nothing but the types listed in `plain`, runs no code of the sender and raises
`MalformedError` on anything else. With `bounded`, which is for the judge, what comes out has a bounded size too:
MessagePack says an empty list in one byte that takes 56 in memory, and a list of announced length takes its room before
a single item is read.

Dicts and sets are filled item by item, by bytecode: a signal can end that where keys of one hash make it endless.
"""

from __future__ import annotations

import datetime
import functools
import math
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgpack

from staged_reward.sandbox.plain import (
    ARRAY,
    ARRAY_KINDS,
    BUILTIN_TYPES,
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
    Record,
    Reference,
    TooLargeError,
)

MAX_EXTENSION_DEPTH = 100  # a level takes 40 KiB of C stack
MAX_ITEMS = 2 << 20  # scalars, containers and what they hold, in one message; 80 bytes each in memory
MAX_NESTED_BYTES = 64 << 20  # of payloads of extension types, one in another counted twice
EXTENSION_ITEMS = 10  # for which one value of an extension type counts: a deque takes 800 bytes
LIGHT_EXTENSIONS = frozenset({0, 6})  # tuples and long ints take no more than a list
UNMEASURED_BYTES = 4096  # a message of this size cannot hold enough to matter
MAX_FIELDS = 255
MAX_NAME_CHARS = 1000
MAX_FRACTION_BITS = 1 << 16  # making one takes time in the square of this
MAX_DECIMAL_DIGITS = 100_000  # comparing one with an int takes time in the square of this
MAX_DECIMAL_EXPONENT = 100_000  # `int(result)` in a check must not make a number of more digits than this
MAX_DIMENSIONS = 64
MAX_EMPTY_ITEMS = 10_000  # of an array that has a shape and no data


def _exact(value: Any, kind: type) -> Any:
    """Return the value, which must be of exactly this type: a range in a list's place could stand for 10^18 items."""
    if type(value) is not kind:
        raise MalformedError(f"not a {kind.__name__}")
    return value


def _dict(pairs: Any) -> dict[Any, Any]:
    return {key: value for key, value in pairs}  # noqa: C416  by bytecode


def _set(items: Any) -> set[Any]:
    return {item for item in items}  # noqa: C416  by bytecode


def _filled(target: Any, items: dict[Any, Any]) -> Any:
    for key, value in items.items():
        target[key] = value
    return target


def _name(value: Any) -> str:
    if len(_exact(value, str)) > MAX_NAME_CHARS:
        raise MalformedError("a name of too many characters")
    return str(value)


def _unpack_array(payload: list[Any]) -> Any:
    """Build an array; one of objects becomes the list that it held."""
    kind, shape, data = payload
    if kind == "":
        return _exact(data, list) if _exact(shape, list) else data
    if len(shape) > MAX_DIMENSIONS or kind[1] not in ARRAY_KINDS:
        raise MalformedError("an array of another kind or shape")
    if not data and math.prod(length or 1 for length in shape) > MAX_EMPTY_ITEMS:
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
    return _namedtuple_class(_name(name), tuple(map(_name, _exact(fields, list))))(*_exact(values, list))


def _unpack_defaultdict(payload: list[Any]) -> Any:
    factory, items = payload
    return _filled(defaultdict(BUILTIN_TYPES.get(factory)), _exact(items, dict))


def _unpack_fraction(payload: list[Any]) -> Fraction:
    numerator, denominator = (_exact(part, int) for part in payload)
    if max(numerator.bit_length(), denominator.bit_length()) > MAX_FRACTION_BITS:
        raise TooLargeError("a fraction of too many digits")
    return Fraction(numerator, denominator)


def _unpack_decimal(payload: str) -> Decimal:
    if len(payload) > MAX_DECIMAL_DIGITS:
        raise TooLargeError("a decimal number of too many digits")
    value = Decimal(payload)
    if value.is_finite() and abs(value.adjusted()) > MAX_DECIMAL_EXPONENT:
        raise TooLargeError("a decimal number of too many digits")
    return value


def _unpack_reference(payload: list[Any]) -> Reference:
    number, type_name = payload
    if not -(2**31) < _exact(number, int) < 2**31:
        raise MalformedError("a reference to nothing")
    return Reference(number, _name(type_name))


# extension code → (type of its payload, payload → value)
_UNPACKERS: dict[int, tuple[type, Callable[[Any], Any]]] = {
    0: (list, tuple),
    1: (list, _set),
    2: (list, lambda p: frozenset(_set(p))),
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
    13: (dict, lambda p: _filled(Counter(), p)),
    14: (list, _unpack_defaultdict),
    15: (list, lambda p: OrderedDict((key, value) for key, value in p)),
    16: (list, lambda p: deque(_exact(p[1], list), p[0])),
    17: (type(None), lambda p: ...),
    NAMEDTUPLE: (list, _unpack_namedtuple),
    RECORD: (list, lambda p: Record(_name(p[0]), _exact(p[1], dict))),
    ARRAY: (list, _unpack_array),
    TYPE: (str, lambda p: BUILTIN_TYPES[p]),
    REFERENCE: (list, _unpack_reference),
    KEYS: (list, lambda p: _dict((key, None) for key in p).keys()),
    ITEMS: (list, lambda p: _dict(p).items()),
    SLICE: (list, lambda p: slice(*p)),
    ERROR: (list, lambda p: Error(*p)),
}


class _Meter:
    """Counts what a message stands for, before it is built."""

    def __init__(self, size: int) -> None:
        self._items_left = MAX_ITEMS
        self._bytes_left = max(MAX_NESTED_BYTES, 2 * size)

    def measure(self, data: bytes) -> None:
        """Walk over the heads of one payload.

        Raises:
            TooLargeError: It, with those measured before, stands for too much.
            MalformedError: It announces more items than it holds: room for all of them would be made first.
        """
        self._bytes_left -= len(data)
        if self._bytes_left < 0:
            raise TooLargeError("more nested data than is taken")
        position, end, items, announced, extensions = 0, len(data), 0, 0, 0
        widths, limit = _WIDTHS, self._items_left
        while position < end:
            head = data[position]
            width = widths[head]
            items += 1
            if width:
                position += width
            elif head in _FIXED_CONTAINERS:
                announced += _FIXED_CONTAINERS[head]
                position += 1
            else:
                length_bytes, item_factor, data_factor, more_bytes, is_extension = _LONG[head]
                length = int.from_bytes(data[position + 1 : position + 1 + length_bytes], "big")
                announced += length * item_factor
                extensions += is_extension and data[position + length_bytes + 1] not in LIGHT_EXTENSIONS
                position += 1 + length_bytes + more_bytes + length * data_factor
            if items + extensions * EXTENSION_ITEMS > limit:
                raise TooLargeError(f"more than {MAX_ITEMS:,} items")
        if announced != items - 1 or position != end:
            raise MalformedError("cut off, or bytes left over")
        self._items_left -= items + extensions * EXTENSION_ITEMS


def _widths() -> list[int]:
    """Bytes of a scalar, by its head; 0 where the head alone does not say it, or is no scalar's."""
    widths = [0] * 256
    for head in (*range(0x80), *range(0xE0, 0x100), 0xC0, 0xC1, 0xC2, 0xC3):
        widths[head] = 1
    for head in range(0xA0, 0xC0):
        widths[head] = 1 + (head & 0x1F)
    for heads, width in (((0xCC, 0xD0), 2), ((0xCD, 0xD1), 3), ((0xCA, 0xCE, 0xD2), 5), ((0xCB, 0xCF, 0xD3), 9)):
        for head in heads:
            widths[head] = width
    return widths


_WIDTHS = _widths()
_FIXED_CONTAINERS = {**{0x80 + n: 2 * n for n in range(16)}, **{0x90 + n: n for n in range(16)}}
# head → (bytes of the length, items per length, bytes per length, further bytes, whether it is an extension)
_LONG = {
    **{head: (1 << i, 0, 1, 0, False) for start in (0xC4, 0xD9) for i, head in enumerate(range(start, start + 3))},
    **{0xC7 + i: (1 << i, 0, 1, 1, True) for i in range(3)},
    **{0xD4 + i: (0, 0, 0, 1 + (1 << i), True) for i in range(5)},
    **{0xDC + i: (2 << i, 1, 0, 0, False) for i in range(2)},
    **{0xDE + i: (2 << i, 2, 0, 0, False) for i in range(2)},
}


def decode(data: bytes, resolve: Callable[[Any], Any] | None = None, *, bounded: bool = False) -> Any:
    """Unpack plain data; `resolve` says what a `Reference` or an `Error` stands for (itself by default).

    Args:
        data: What `codec.encode` made, if the sender is honest.
        resolve: Reference → object.
        bounded: Refuse what would take much memory.

    Raises:
        MalformedError: The bytes are not an encoding of plain data.
        TooLargeError: They are, and `bounded` does not allow its size.
    """
    is_measured = bounded and len(data) > UNMEASURED_BYTES
    meter = _Meter(len(data))

    def unpack(data: bytes, depth: int) -> Any:
        if depth > MAX_EXTENSION_DEPTH:
            raise MalformedError("nested too deeply")
        if is_measured:
            meter.measure(data)

        def revive(code: int, payload: bytes) -> Any:
            kind, build = _UNPACKERS[code]
            value = build(_exact(unpack(payload, depth + 1), kind))
            return resolve(value) if resolve is not None and code in (REFERENCE, ERROR) else value

        return msgpack.unpackb(
            data,
            ext_hook=revive,
            object_pairs_hook=_dict,
            strict_map_key=False,
            unicode_errors="surrogatepass",
        )

    try:
        return unpack(data, 0)
    except MalformedError:
        raise
    except Exception as error:  # noqa: BLE001  whatever building it raises, the bytes are what caused it
        raise MalformedError(type(error).__name__) from None  # not its text: that may be too large to make
