"""Is this the expected result? Trusted side; its inputs on the program's side are plain data that `codec` built.

Source of the tolerances: EvalPlus (rtol 1e-7, atol 1e-6, where the expected value is a float).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from typing import Any

from staged_reward.sandbox.codec import Record
from staged_reward.sandbox.unpack import MAX_ITEMS

RELATIVE_TOLERANCE = 1e-7
ABSOLUTE_TOLERANCE = 1e-6
_EXACT = frozenset({int, bool, str, bytes, type(None)})  # expected values without a tolerance
_PLAIN = _EXACT | {float}


def close(result: Any, expected: Any) -> bool:
    """Whether `result` equals `expected` as Python's `==` has it, with a tolerance wherever a float is expected.

    A numpy array counts as the list it holds, a dataclass instance as the mapping of its fields. NaN equals nothing.
    """
    result = _unwrap(result)
    if type(result).__module__ == "numpy":  # larger than any list a test could expect
        return False
    if isinstance(expected, float):
        return _is_real(result) and _close_floats(result, expected)
    if isinstance(expected, list | tuple):
        if not isinstance(result, list if isinstance(expected, list) else tuple) or len(result) != len(expected):
            return False
        if _EXACT.issuperset(map(type, expected)) and _PLAIN.issuperset(map(type, result)):
            return list(result) == list(expected)  # the same, a hundred times faster
        return all(map(close, result, expected))
    if isinstance(expected, dict):
        if not isinstance(result, dict) or result.keys() != expected.keys():
            return False
        return all(close(result[key], value) for key, value in expected.items())
    return bool(result == expected)


def _unwrap(result: Any) -> Any:
    if type(result) is Record:
        return result.values
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(result, numpy.ndarray) and result.size <= MAX_ITEMS:
        return result.tolist()
    return result


def _is_real(result: Any) -> bool:
    return isinstance(result, int | float)


def _close_floats(result: float, expected: float) -> bool:
    try:
        return math.isclose(
            result, expected, rel_tol=0.0, abs_tol=ABSOLUTE_TOLERANCE + RELATIVE_TOLERANCE * abs(expected)
        )
    except OverflowError:  # an int beyond the range of floats
        return False


def same_output(output: str, expected: str) -> bool:
    """Whether two texts agree line by line, trailing white space ignored, tolerance where a float is expected."""
    output, expected = output.rstrip(), expected.rstrip()
    if output.count("\n") != expected.count("\n"):  # a list of empty lines takes fifty times the text's memory
        return False
    return all(map(_same_line, _lines(output), _lines(expected)))


def _lines(text: str) -> Iterator[str]:
    return (line.rstrip() for line in text.split("\n"))


def _same_line(line: str, expected: str) -> bool:
    if line == expected:
        return True
    expected_tokens = expected.split()
    tokens = line.split(maxsplit=len(expected_tokens))
    if len(tokens) != len(expected_tokens) or not any(map(_is_float_literal, expected_tokens)):
        return False
    return all(map(_same_token, tokens, expected_tokens))


def _same_token(token: str, expected: str) -> bool:
    if token == expected:
        return True
    if not _is_float_literal(expected) or len(token) > 400:
        return False
    try:
        return "_" not in token and _close_floats(float(token), float(expected))
    except ValueError:
        return False


def _is_float_literal(token: str) -> bool:
    """Whether a token is written as a float: an integer must match to the digit."""
    if not any(mark in token for mark in ".eE") or "_" in token:
        return False
    try:
        return math.isfinite(float(token))
    except ValueError:
        return False
