# kind: call
# must: pass
# why: begins with a docstring and a future statement
"""A docstring."""

from __future__ import annotations


def add(a: Number, b: Number) -> Number:
    return a + b
