"""The words of the language that crosses between a program's process and the judge: what `codec` packs and `unpack`
builds. Both sides use it.
"""

from __future__ import annotations

import datetime
from collections import Counter, OrderedDict, defaultdict, deque
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

ARRAY_KINDS = frozenset("biufcSUmM")

# extension codes of MessagePack that are not in `CODES`
NAMEDTUPLE, RECORD, ARRAY, TYPE, REFERENCE, KEYS, ITEMS, SLICE, ERROR = range(18, 27)


class MalformedError(ValueError):
    """The bytes are not an encoding of plain data."""


class TooLargeError(MalformedError):
    """The bytes stand for more data than their reader takes."""


class OpaqueError(TypeError):
    """The value holds something that is not plain data; the argument is that thing's type name."""


class Record(NamedTuple):
    """What a dataclass instance decodes to: its class name and its fields."""

    name: str
    values: dict[str, Any]


class Reference(NamedTuple):
    """A number that stands for an object which stays where it is.

    An object of the program has a number from 0, one that the judge lends to the program a number below `GLOBAL`. A
    number of `GLOBAL` stands for what either side finds under a name of its own: `type_name` is "module:name".
    """

    number: int
    type_name: str


GLOBAL = -1


class Error(NamedTuple):
    """An exception that a test passes to the program: names of its classes, its arguments, its message."""

    names: list[str]
    args: list[Any]
    message: str


# Types that cross as themselves, by their names.
BUILTIN_TYPES: dict[str, type] = {
    t.__name__: t
    for t in (
        bool, int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset, range, object, type(None),
    )
}  # fmt: skip

# type → extension code
CODES: dict[type, int] = {
    tuple: 0, set: 1, frozenset: 2, bytearray: 3, complex: 4, range: 5, int: 6, Decimal: 7, Fraction: 8,
    datetime.datetime: 9, datetime.date: 10, datetime.time: 11, datetime.timedelta: 12, Counter: 13, defaultdict: 14,
    OrderedDict: 15, deque: 16, type(...): 17,
}  # fmt: skip
