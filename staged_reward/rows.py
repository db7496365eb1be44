"""Rows of JSONL, JSONL.gz and JSON-list files, each with its file and line.

It knows no schema. Whether a file is compressed, or one JSON list, is read from its first bytes, not from its name.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from staged_reward.errors import InputError
from staged_reward.excerpt import shown

_BLANK = " \t\r\n"


@dataclass(frozen=True, slots=True)
class Row:
    """One object of a file; `line` counts from 1."""

    file: str
    line: int
    data: dict[str, Any]

    def error(self, message: object) -> InputError:
        """An error that begins with the place of this row."""
        return InputError(f"{self.file}:{self.line}: {message}")


def read_rows(path: str | Path) -> Iterator[Row]:
    """Yield the rows of a file, one at a time; blank lines are skipped.

    Raises:
        InputError: The file is missing or has no rows; or a row is not a JSON object in UTF-8. Rows before it have been
            yielded by then.
    """
    count = 0
    try:
        for row in _read(Path(path)):
            count += 1
            yield row
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; check the path") from error
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    if not count:
        raise InputError(f"{path}: no rows; give one JSON object per line")


def _read(path: Path) -> Iterator[Row]:
    with path.open("rb") as raw:
        if raw.peek(2)[:2] != b"\x1f\x8b":
            yield from _rows(str(path), raw)
            return
        with gzip.GzipFile(fileobj=raw) as lines:
            yield from _rows(str(path), iter(lines))


def _rows(file: str, lines: Iterator[bytes]) -> Iterator[Row]:
    first = True
    for number, line in enumerate(lines, start=1):
        text = _decode(file, number, line)
        if not text.strip(_BLANK):
            continue
        if first and text.lstrip(_BLANK).startswith("["):
            rest = (_decode(file, i, line) for i, line in enumerate(lines, start=number + 1))
            yield from _list_rows(file, number, text + "".join(rest))
            return
        first = False
        yield Row(file, number, _object(file, number, _parse(file, number, text.rstrip(_BLANK))))


def _decode(file: str, number: int, line: bytes) -> str:
    try:
        return line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        byte = line[error.start]
        raise InputError(
            f"{file}:{number}: byte {byte:#04x} at column {error.start + 1} is not UTF-8; save the file as UTF-8"
        ) from error


def _parse(file: str, line: int, text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        what = f"invalid JSON at column {error.colno}: {error.msg}"
        place = f"{file}:{line + error.lineno - 1}"
        raise InputError(f"{place}: {what}; give one object per line, or one list of objects") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file}:{line}: invalid JSON: {error}") from error


def _object(file: str, line: int, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{file}:{line}: the row is {shown(value)}; give a JSON object")
    return value


def _list_rows(file: str, first: int, text: str) -> Iterator[Row]:
    """Rows of one JSON list. The text is valid as a whole before any row is yielded."""
    _parse(file, first, text)
    decoder, start, line, counted = json.JSONDecoder(), text.index("[") + 1, first, 0
    while True:
        while text[start] in _BLANK + ",":
            start += 1
        if text[start] == "]":
            return
        line, counted = line + text.count("\n", counted, start), start
        value, start = decoder.raw_decode(text, start)
        yield Row(file, line, _object(file, line, value))
