"""Typed access to the keys of a row, for `datasets`. Errors name key, value and remedy; the caller adds the place."""

from __future__ import annotations

import keyword
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from staged_reward.asserts import parse
from staged_reward.errors import InputError, nearest
from staged_reward.excerpt import shown

T = TypeVar("T")

_KINDS: dict[type, str] = {str: "a string", int: "an integer", list: "a list", dict: "an object"}


def required(row: Mapping[str, Any], key: str, kind: type[T], prefix: str = "") -> T:
    """Return the value of a key.

    Args:
        row: The row, or an object inside it.
        key: The key.
        kind: `str`, `int`, `list` or `dict`; a bool is not an `int`.
        prefix: How messages name the object, e.g. `tests[2].`.

    Raises:
        InputError: The key is missing, or its value has another type.
    """
    if key not in row:
        raise InputError(f"key {prefix + key!r} is missing; add it")
    value = row[key]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise InputError(f"key {prefix + key!r} is {shown(value)}; give {_KINDS[kind]}")
    return value


def optional(row: Mapping[str, Any], key: str, kind: type[T], prefix: str = "") -> T | None:
    """As `required`, but None where the key is missing or null."""
    return None if row.get(key) is None else required(row, key, kind, prefix)


def strings(row: Mapping[str, Any], key: str, prefix: str = "") -> list[str]:
    """Return the list of strings at a key; see `required`."""
    values = required(row, key, list, prefix)
    for i, value in enumerate(values):
        if not isinstance(value, str):
            raise InputError(f"key {f'{prefix}{key}[{i}]'!r} is {shown(value)}; give a string")
    return values


def task_id(row: Mapping[str, Any], key: str) -> str:
    """Return the name of a problem as a string; MBPP's are integers."""
    kind = int if isinstance(row.get(key), int) else str
    value = str(required(row, key, kind))
    if not value.strip():
        raise InputError(f"key {key!r} is {value!r}; give every problem a name")
    return value


def python(source: str, name: str) -> str:
    """Return Python source as it is, once it is known to parse; `name` is how messages name its key."""
    try:
        parse(source)
    except InputError as error:
        raise InputError(f"key {name!r} is {shown(source)}: {error}; correct it") from error
    return source


def program_name(row: Mapping[str, Any], key: str) -> str:
    """Return the name of an entry point: `f`, `Class`, `Class.f` or `Class().f`."""
    name = required(row, key, str)
    parts = name.replace("().", ".").split(".")
    if len(parts) > 2 or not all(part.isidentifier() and not keyword.iskeyword(part) for part in parts):
        raise InputError(f"key {key!r} is {name!r}; give `f`, `Class`, `Class.f` or `Class().f`")
    return name


def text_or_chat(row: Mapping[str, Any], key: str) -> str:
    """Return a string, or the contents of chat messages joined by blank lines; empty where the key is missing or null.

    Datasets made for chat models hold a list of `{"role", "content"}` where others hold the text.
    """
    value = row.get(key)
    if isinstance(value, list) and all(isinstance(item, dict) for item in value):
        return "\n\n".join(required(item, "content", str, f"{key}[{i}].") for i, item in enumerate(value))
    return optional(row, key, str) or ""


def reject_unknown(row: Mapping[str, Any], valid: Iterable[str], prefix: str = "") -> None:
    """Raise an InputError with the nearest valid key when the row has a key that is not valid."""
    known = set(valid)
    for key in row:
        if key not in known:
            raise InputError(f"unknown key {prefix + str(key)!r}{nearest(str(key), known)}")
