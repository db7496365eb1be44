"""Python's `==` on plain values, tolerance where a float is expected, and outputs line by line."""

import math
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from staged_reward.sandbox.codec import Record
from staged_reward.sandbox.compare import close, same_output

Point = namedtuple("Point", "x y")

EQUAL = [
    (1, 1), (True, 1), (1, True), (1, 1.0), (1.0, 1), ([1, True], [1.0, 1]), ((1, 2), (1, 2)), (Point(1, 2), (1, 2)),
    ({1: 2.0}, {1.0: 2}), (OrderedDict(b=1, a=2), {"a": 2, "b": 1}), (defaultdict(int, a=1), {"a": 1}),
    (Counter("aa"), {"a": 2}), ({1, 2}, frozenset({2, 1})), (b"a", bytearray(b"a")), (Decimal("1.0"), 1),
    (Fraction(1, 2), Fraction(2, 4)), (None, None), (math.inf, math.inf), (range(3), range(0, 3, 1)),
    (deque([1]), deque([1])), (Record("P", {"x": 1}), {"x": 1}), ([Record("P", {"x": 1})], [{"x": 1}]),
    (np.array([[1.0, 2.0]]), [[1, 2]]), (0.1 + 0.2, 0.3), (3.1415926, 3.14159263), ([0.1 + 0.2], [0.3]),
    ({"a": (0.1 + 0.2,)}, {"a": (0.3,)}), (1_000_000.05, 1_000_000.0), (0.0000009, 0.0), (2, 2.0000001),
]  # fmt: skip
UNEQUAL = [
    (1, 2), ([1, 2], (1, 2)), ((1, 2), [1, 2]), ("1", 1), (1, "1"), (None, 0), (None, False), ("a", b"a"), ([], None),
    ({1, 2}, [1, 2]), ({"a": 1}, {"a": 1, "b": 2}), ([1], [1, 1]), ([1, 1], [1]), (math.nan, math.nan), (math.nan, 1.0),
    (math.inf, 1e308), (-math.inf, math.inf), (0.0000011, 0.0), (1_000_000.2, 1_000_000.0), (1.0000021, 1.0),
    (2, 2.1), ("0.3", 0.3), (Decimal("0.3"), 0.3), (0.1 + 0.2, Decimal("0.3")), (1.0000001, 1), (10**400, 1.5),
    (3 + 0j, 3.5), ([0.3], (0.3,)), (np.array([1, 2]), (1, 2)), (np.array([1, 2]), 1), (range(3), [0, 1, 2]),
]  # fmt: skip


@pytest.mark.parametrize(("result", "expected"), EQUAL, ids=repr)
def test_equal_values_are_close(result, expected) -> None:
    assert close(result, expected)


@pytest.mark.parametrize(("result", "expected"), UNEQUAL, ids=repr)
def test_unequal_values_are_not_close(result, expected) -> None:
    assert not close(result, expected)


@given(st.floats(-1e8, 1e8), st.floats(0, 0.99))
def test_tolerance_is_that_of_evalplus(expected: float, part: float) -> None:
    tolerance = 1e-6 + 1e-7 * abs(expected)
    assert close(expected + part * tolerance, expected)
    assert not close(expected + 1.01 * tolerance, expected)


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("1 2\n3\n", "1 2\n3"),
        ("1  \n2\t\n", "1\n2\n"),
        ("1\r\n2\r\n", "1\n2\n"),
        ("1\n\n\n", "1\n"),
        ("", "\n"),
        ("0.333333333\n", "0.3333333333\n"),
        ("3\n", "3.0\n"),
        ("x 1e3 y\n", "x 1000.0 y\n"),
        ("1000000.05\n", "1000000.0\n"),
        ("é\n", "é\n"),
    ],
)
def test_outputs_that_agree(output: str, expected: str) -> None:
    assert same_output(output, expected)


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("1\n", "1\n2\n"),
        ("1\n2\n3\n", "1\n2\n"),
        ("\n1\n", "1\n"),
        ("1\n\n2\n", "1\n2\n"),
        (" 1\n", "1\n"),
        ("1 2\n", "1  2\n"),
        ("1 2\n", "12\n"),
        ("12\n", "1\n2\n"),
        ("YES\n", "yes\n"),
        ("3.0\n", "3\n"),
        ("1.0\n", "1\n"),
        ("1.00001\n", "1.0\n"),
        ("nan\n", "1.0\n"),
        ("inf\n", "1.0\n"),
        ("1_0.0\n", "10.0\n"),
        ("2147483648\n", "2147483647\n"),
        ("00\n", "0\n"),
        ("0.5 extra\n", "0.5\n"),
        ("a0.5\n", "0.5\n"),
        ("1.0 b\n", "1.0 a\n"),
    ],
)
def test_outputs_that_differ(output: str, expected: str) -> None:
    assert not same_output(output, expected)


@given(st.text())
def test_every_output_agrees_with_itself(text: str) -> None:
    assert same_output(text, text)
