"""Fenced code blocks (``` or ~~~) in what a model wrote, in one pass over its lines.

A block ends at a line that holds only its fence, indented at most three columns more than where it began; inside a
docstring such a line is part of the code. A fence that names a language ends a block that is open. One that never ends
runs to the end of the text.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_MAX_FENCES = 10_000
_PYTHON = re.compile(r"[{.\s]*(?:i?python|py)[\d.]*(?![a-z])", re.IGNORECASE)
_QUOTES = re.compile(r"\"\"\"|'''|#")


class Block(NamedTuple):
    """A fenced block.

    Attributes:
        start: Position of its opening fence's line in the text.
        language: What follows the opening fence.
        code: The lines between the fences, as they are.
    """

    start: int
    language: str
    code: str

    @property
    def is_python(self) -> bool:
        """True for Python and for no language at all."""
        return not self.language or _PYTHON.match(self.language) is not None


class _Fence(NamedTuple):
    indent: int
    mark: str
    language: str


def blocks(text: str) -> list[Block]:
    """All fenced blocks in order; none where there are more fences than anyone writes."""
    if text.count("```") + text.count("~~~") > _MAX_FENCES:
        return []
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    found: list[Block] = []
    position, number = 0, 0
    while number < len(lines):
        opening = _opening(lines[number])
        start = position
        position += len(lines[number])
        number += 1
        if opening is None:
            continue
        end, after = _block_end(lines, number, opening)
        code = "".join(lines[number:end])
        found.append(Block(start, opening.language, code))
        position += sum(map(len, lines[number:after]))
        number = after
    return found


def _block_end(lines: list[str], first: int, opening: _Fence) -> tuple[int, int]:
    """Numbers of the line after the code and of the line to go on with."""
    quote = ""
    in_string: int | None = None
    for number in range(first, len(lines)):
        fence = _opening(lines[number])
        if fence is not None and fence.mark[0] == opening.mark[0] and _ends(fence, opening, lines[number]):
            after = number if fence.language else number + 1
            if not quote:
                return number, after
            in_string = number if in_string is None else in_string
        quote = _open_quote(lines[number], quote)
    if quote and in_string is not None:  # the string never ended, so it was no string
        return in_string, in_string if _language(lines[in_string]) else in_string + 1
    return len(lines), len(lines)


def _ends(fence: _Fence, opening: _Fence, line: str) -> bool:
    if fence.indent > opening.indent + 3 or line[: fence.indent].strip():
        return False
    return bool(fence.language) or len(fence.mark) >= len(opening.mark)


def _language(line: str) -> str:
    fence = _opening(line)
    return fence.language if fence else ""


def _opening(line: str) -> _Fence | None:
    """The fence on this line. After other text it counts only with a language, as in `the code: ```python`."""
    places = [place for place in (line.find("```"), line.find("~~~")) if place >= 0]
    if not places:
        return None
    indent = min(places)
    rest = line[indent:].lstrip(line[indent])
    mark, language = line[indent : len(line) - len(rest)], rest.strip()
    if "`" in language or (line[:indent].strip() and not (language and _PYTHON.fullmatch(language))):
        return None
    return _Fence(indent, mark, language)


def _open_quote(line: str, quote: str) -> str:
    """The triple quote that is open after this line, given what was open before it."""
    for match in _QUOTES.finditer(line):
        found = match.group()
        if found == "#" and not quote:
            break
        if found == quote:
            quote = ""
        elif not quote and found != "#":
            quote = found
    return quote
