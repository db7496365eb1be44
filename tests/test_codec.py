"""Plain data crosses the wire as it is; hostile bytes give a value or `MalformedError`, at a bounded price."""

import datetime
import enum
import math
import struct
import time
import typing
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from staged_reward.sandbox import unpack
from staged_reward.sandbox.codec import MalformedError, OpaqueError, Record, Reference, decode, encode

Point = namedtuple("Point", "x y")


class Pair(typing.NamedTuple):
    left: int
    right: str


@dataclass
class Box:
    width: int
    names: list


class Colour(enum.IntEnum):
    RED = 1


class Liar(list):
    def __eq__(self, other):
        return True

    def __iter__(self):
        while True:
            yield 1

    __hash__ = None


SAMPLES = [
    None, True, False, 0, -1, 2**63, 2**64, -(2**63) - 1, 10**400, 0.1, -0.0, math.inf, 1e-320, 1 + 2j, "", "é\0",
    "\ud800", b"\xff", [1, [2]], (), (1, (2,)), {1: 2, "a": [None], (1, 2): {3}}, set(),
    pytest.param({1, "a"}, id="set of two types"),  # whose order, and so its repr, each process chooses
    frozenset({(1, 2)}), range(3), range(10, -(10**30), -7), Decimal("1.50"), Decimal("-Infinity"), Fraction(-1, 3),
    datetime.datetime(2024, 2, 29, 1, 2, 3, 4), datetime.date(1, 1, 1), datetime.time(23, 59),
    datetime.timedelta(-5, 3, 1), Counter("abca"), OrderedDict([("b", 1), ("a", 2)]), deque([1, 2], maxlen=2), ...,
    int, str, type(None), Reference(3, "Node"), Record("Box", {"width": 1}),
]  # fmt: skip


@pytest.mark.parametrize("value", SAMPLES, ids=repr)
def test_value_survives_with_its_type(value) -> None:
    back = decode(encode(value))
    assert back == value
    assert type(back) is type(value)
    assert repr(back) == repr(value)


hashables = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters()) | st.binary() | st.floats(allow_nan=False),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3),
    max_leaves=6,
)
datetimes = st.datetimes().map(lambda value: value.replace(fold=0))
values = st.recursive(
    hashables | st.decimals(allow_nan=False) | st.fractions() | st.complex_numbers(allow_nan=False) | datetimes,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(hashables, inner, max_size=4) | st.tuples(inner, inner),
    max_leaves=12,
)


@given(values)
def test_nested_plain_values_survive(value) -> None:
    assert decode(encode(value)) == value


@given(st.binary(max_size=300))
def test_random_bytes_give_a_value_or_malformed_error(data: bytes) -> None:
    with suppress(MalformedError):
        decode(data)


@settings(max_examples=300)
@given(st.integers(0, 25), values)
def test_any_payload_under_any_code_gives_a_value_or_malformed_error(code: int, payload) -> None:
    with suppress(MalformedError):
        decode(extension(code, encode(payload)))


@given(values, st.data())
def test_changed_bytes_give_a_value_or_malformed_error(value, data) -> None:
    packed = bytearray(encode(value))
    packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    with suppress(MalformedError):
        decode(bytes(packed))


def test_bytearray_arrives_as_equal_bytes() -> None:
    assert decode(encode([bytearray(b"ab")])) == [bytearray(b"ab")]


def test_nan_stays_nan() -> None:
    assert math.isnan(decode(encode(float("nan"))))
    assert decode(encode(Decimal("NaN"))).is_nan()


def test_subclasses_become_their_plain_base() -> None:
    class Text(str):
        def __eq__(self, other):
            return True

        __hash__ = str.__hash__

    class Table(dict):
        def items(self):
            return [("forged", 1)]

    value = [Colour.RED, Text("a"), Table(a=1), Liar([1, 2])]
    back = decode(encode(value))
    assert [type(item) for item in back] == [int, str, dict, list]
    assert back == [1, "a", {"a": 1}, [1, 2]]


def test_named_tuples_keep_their_fields_and_equal_tuples() -> None:
    back = decode(encode([Point(1, 2), Pair(3, "a")]))
    assert back == [(1, 2), (3, "a")]
    assert (back[0].y, back[1].right) == (2, "a")


def test_field_names_that_python_refuses_are_renamed() -> None:
    Odd = namedtuple("Odd", "a def", rename=True)
    assert decode(encode(Odd(1, 2))) == (1, 2)


def test_many_named_tuples_share_one_class() -> None:
    started = time.process_time()
    back = decode(encode([Point(i, i) for i in range(20_000)]))
    assert time.process_time() - started < 2.0
    assert type(back[0]) is type(back[-1])


def test_dataclass_becomes_a_record() -> None:
    assert decode(encode(Box(2, ["a"]))) == Record("Box", {"width": 2, "names": ["a"]})


def test_dict_views_become_sets_and_defaultdict_keeps_a_builtin_factory() -> None:
    assert decode(encode({1: 2}.keys())) == {1}
    back = decode(encode(defaultdict(list, a=[1])))
    assert type(back) is defaultdict
    assert back.default_factory is list
    assert decode(encode(defaultdict(lambda: 1, a=[1]))).default_factory is None


def test_numpy_scalars_become_python_and_arrays_stay_arrays() -> None:
    back = decode(encode([np.int64(3), np.float32(0.5), np.bool_(True), np.uint64(2**64 - 1)]))
    assert back == [3, 0.5, True, 2**64 - 1]
    assert [type(item) for item in back] == [int, float, bool, int]
    for array in (np.arange(6).reshape(2, 3), np.array(1.5), np.zeros((3, 0)), np.array(["ab", "c"])):
        back = decode(encode(array))
        assert back.dtype == array.dtype
        assert np.array_equal(back, array)


def test_object_array_becomes_the_list_that_it_holds() -> None:
    assert decode(encode(np.array([1, "a", None], dtype=object))) == [1, "a", None]


@pytest.mark.parametrize("value", [object(), lambda: 1, (i for i in ()), Ellipsis.__class__, [1, {"a": object()}]])
def test_other_things_are_opaque(value) -> None:
    with pytest.raises(OpaqueError):
        encode(value)


def test_opaque_things_are_referred_to_and_resolved() -> None:
    thing = object()
    data = encode([1, thing], lambda value: Reference(7, type(value).__name__))
    assert decode(data) == [1, Reference(7, "object")]
    assert decode(data, lambda reference: reference.number) == [1, 7]


def test_value_in_itself_is_refused() -> None:
    loop: list = []
    loop.append(loop)
    with pytest.raises(ValueError, match=r"nested too deeply|recursion limit"):
        encode(loop)
    looped = ([],)
    looped[0].append(looped)
    with pytest.raises(ValueError, match=r"nested too deeply|recursion limit"):
        encode(looped)


def test_deep_nesting_is_malformed_not_a_crash() -> None:
    packed = msgpack.packb(None)
    for _ in range(3_000):
        packed = msgpack.packb(msgpack.ExtType(0, b"\x91" + packed))
    with pytest.raises(MalformedError):
        decode(packed)
    with pytest.raises(MalformedError):
        decode(b"\x91" * 100_000 + b"\xc0")


def extension(code: int, payload: bytes) -> bytes:
    return msgpack.packb(msgpack.ExtType(code, payload))


RANGE = encode(range(10**12))
HOSTILE = {
    "tuple of a giant range": extension(0, RANGE),
    "set of a giant range": extension(1, RANGE),
    "frozenset of a giant range": extension(2, RANGE),
    "bytearray of a size": extension(3, encode(10**10)),
    "complex of text": extension(4, encode(["1", "2"])),
    "range of floats": extension(5, encode([1.0, 2.0, 3.0])),
    "range with step 0": extension(5, encode([1, 2, 0])),
    "int of a list": extension(6, encode([1])),
    "decimal of many digits": extension(7, encode("1e999999")),
    "decimal of a fraction": extension(7, encode(Fraction(1, 2))),
    "fraction over 0": extension(8, encode([1, 0])),
    "fraction of text": extension(8, encode(["1e999999999"])),
    "fraction of decimals": extension(8, encode([Decimal("1e9999"), 1])),
    "date of text": extension(10, encode("yesterday")),
    "huge time difference": extension(12, encode([10**30, 0, 0])),
    "counter of a giant range": extension(13, RANGE),
    "defaultdict of a giant range": extension(14, encode(["list", range(10**12)])),
    "defaultdict with an unhashable factory": extension(14, encode([["list"], {}])),
    "ordered dict of a giant range": extension(15, RANGE),
    "deque of a giant range": extension(16, encode([None, range(10**12)])),
    "deque with a huge maxlen": extension(16, encode([10**30, [1]])),
    "named tuple of code": extension(18, encode(["A", ["x=print(1)"], []])),
    "named tuple, a keyword": extension(18, encode(["class", ["x"], [1]])),
    "named tuple of many fields": extension(18, encode(["A", [f"x{i}" for i in range(1000)], [0] * 1000])),
    "named tuple, too few values": extension(18, encode(["A", ["x", "y"], [1]])),
    "record of a list": extension(19, encode(["A", [1]])),
    "array of objects": extension(20, encode(["|O", [1], b"\0" * 8])),
    "array of a huge type": extension(20, encode(["V99999999999", [1], b"\0"])),
    "array of a comma string": extension(20, encode(["i4,i4", [1], b"\0" * 8])),
    "array of old characters": extension(20, encode(["|a1", [1], b"\0"])),
    "array of another size": extension(20, encode(["<i8", [2], b"\0" * 8])),
    "array of 10^12 empty rows": extension(20, encode(["<i8", [10**12, 0], b""])),
    "array of 10,000 dimensions": extension(20, encode(["<i8", [1] * 10_000, b"\0" * 8])),
    "unknown type name": extension(21, encode("eval")),
    "type name of many digits": extension(21, encode(10**5000)),
    "reference to many digits": extension(22, encode([0, 10**5000])),
    "reference to a list": extension(22, encode([[1], "a"])),
    "unknown code": extension(99, encode(1)),
    "cut off": encode([1, 2, 3])[:-1],
    "bytes left over": encode(1) + b"\x01",
    "announced length": b"\xdd" + struct.pack(">I", 2**32 - 1),
    "unhashable key": b"\x81\x90\x01",
    "unhashable member": extension(1, encode([[1]])),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bytes_are_malformed_at_once(name: str) -> None:
    started = time.process_time()
    with pytest.raises(MalformedError) as caught:
        decode(HOSTILE[name])
    assert str(caught.value).isprintable()
    assert time.process_time() - started < 1.0


def test_unknown_factory_becomes_none() -> None:
    assert decode(extension(14, encode(["eval", {"a": 1}]))).default_factory is None


def test_giant_range_costs_nothing() -> None:
    assert len(decode(encode([range(10**18)]))[0]) == 10**18


def test_encoding_is_bounded_by_what_it_decodes() -> None:
    assert unpack.MAX_EXTENSION_DEPTH >= 100  # tuples in tuples: more than any program returns
    value: object = 0
    for _ in range(100):
        value = (value,)
    assert decode(encode(value)) == value
