"""What a program does for inputs, in short: digests of what it returns or prints, to be compared with those of others."""

from __future__ import annotations

import hashlib
import math
from collections import deque
from collections.abc import Mapping
from typing import Any

from staged_reward.sandbox.codec import Reference

RETURNED = "="  # what the digest of a value begins with
DIGITS = 9  # of a float; the rest is noise of the order of operations
MAX_DEPTH = 50


def digest_of_value(value: Any) -> str:
    """Return a digest that values have in common which programs mean alike.

    Numbers of equal value, floats to nine digits; dictionaries and sets in any order. None is no value: a function that
    returns nothing gives it.
    """
    if value is None:
        return "nothing"
    return RETURNED + digest_of_text(_canonical(value, 0))


def digest_of_output(text: str) -> str:
    """Return a digest of what a script printed, blanks at its ends aside."""
    return RETURNED + digest_of_text(text.strip()) if text.strip() else "nothing"


def digest_of_text(text: str) -> str:
    """Return a digest of a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _canonical(value: Any, depth: int) -> str:
    if depth > MAX_DEPTH:
        return "…"
    if isinstance(value, int):
        return hex(value)  # of any length, and the same for True and 1
    if isinstance(value, float):
        return _of_float(value)
    if isinstance(value, complex):
        return f"complex({_of_float(value.real)},{_of_float(value.imag)})"
    if isinstance(value, Reference):
        return f"object {value.type_name}"
    if isinstance(value, Mapping):
        pairs = sorted(f"{_canonical(key, depth + 1)}:{_canonical(item, depth + 1)}" for key, item in value.items())
        return f"dict({','.join(pairs)})"
    if isinstance(value, set | frozenset):
        return f"set({','.join(sorted(_canonical(item, depth + 1) for item in value))})"
    if isinstance(value, list | tuple | deque):
        kind = "tuple" if isinstance(value, tuple) else "list"
        return f"{kind}({','.join(_canonical(item, depth + 1) for item in value)})"
    if hasattr(value, "tolist") and hasattr(value, "shape"):
        return f"array{value.shape}({_canonical(value.tolist(), depth + 1)})"
    try:
        return f"{type(value).__name__}:{value!r}"
    except ValueError:  # it holds an int of more digits than Python prints
        return type(value).__name__


def _of_float(value: float) -> str:
    if not math.isfinite(value):
        return str(value)
    rounded = float(f"{value:.{DIGITS}g}")
    return hex(int(rounded)) if rounded.is_integer() else repr(rounded)
