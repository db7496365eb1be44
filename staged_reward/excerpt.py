"""How a value is quoted in a message."""

from __future__ import annotations


def shown(value: object) -> str:
    """The repr of a value, cut to fit an error message."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
