"""What a program does for inputs, in short: digests of what it returns or prints, to be compared with those of others."""

from __future__ import annotations

import hashlib
from typing import Any

from staged_reward.sandbox.codec import Record, Reference

RETURNED = "="  # what the digest of a value begins with
DIGITS = 9  # of a float; the rest is noise of the order of operations
MAX_DEPTH = 50


def digest_of_value(value: Any) -> str:
    """Return a digest that equal plain values have in common: dictionaries and sets in any order, floats to nine digits."""
    return RETURNED + digest_of_text(_canonical(value, 0))


def digest_of_text(text: str) -> str:
    """Return a digest of a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _canonical(value: Any, depth: int) -> str:
    if depth > MAX_DEPTH:
        return "…"
    if type(value) is float:
        return f"{value:.{DIGITS}g}"
    if type(value) in (list, tuple):
        inner = ",".join(_canonical(item, depth + 1) for item in value)
        return f"{type(value).__name__}({inner})"
    if type(value) in (set, frozenset):
        return f"set({','.join(sorted(_canonical(item, depth + 1) for item in value))})"
    if type(value) is dict:
        pairs = sorted(f"{_canonical(key, depth + 1)}:{_canonical(item, depth + 1)}" for key, item in value.items())
        return f"dict({','.join(pairs)})"
    if isinstance(value, Reference | Record):
        return type(value).__name__
    return f"{type(value).__name__}:{value!r}"
