"""The line layout of a program: every logical line on one physical line, every statement on its own, no comments.

Works on text, with one regular expression for strings, comments, brackets and line ends: Python's own tokenizer is ten
times slower. Source that compiles comes back as source that does the same. Source that does not compile comes back in
some shape that does not compile either, or unchanged. Time is linear in the length of the source.

Not done here: spaces within a line, quotes, parentheses. They leave no trace in compiled code; line breaks do,
because the compiler keeps and threads jumps according to line numbers.
"""

from __future__ import annotations

import re
import sys

COMMENT = r"(?P<comment>\#[^\r\n]*+)"

# A string literal without its prefix, or a quote that starts none (`broken`). Prefixes do not matter: in raw strings
# too, a backslash hides the next character from the end of the literal. Possessive, so that no input makes the match
# go back.
STRING = r"""
    (?:'''[^'\\]*+(?:(?:\\.|'(?!''))[^'\\]*+)*+'''
    | \"""[^"\\]*+(?:(?:\\.|"(?!""))[^"\\]*+)*+\"""
    | (?!'''|\""")(?:'[^'\\\r\n]*+(?:\\(?:\r\n|.)[^'\\\r\n]*+)*+'|"[^"\\\r\n]*+(?:\\(?:\r\n|.)[^"\\\r\n]*+)*+")
    | (?P<broken>['"]))
"""

_BRACKET = r"(?P<open>[(\[{])|(?P<close>[)\]}])"
_LINES = re.compile(
    rf"{COMMENT}|{STRING}|{_BRACKET}|(?P<joined>\\(?:\r\n|[\r\n]))|(?P<newline>\r\n|[\r\n])", re.VERBOSE | re.DOTALL
)
_STATEMENTS = re.compile(
    rf"{STRING}|{_BRACKET}|(?P<newline>\n)|(?P<walrus>:=)|(?P<colon>:)|(?P<semicolon>;)|(?P<lambda>\blambda\b)",
    re.VERBOSE | re.DOTALL,
)
_KEYWORD = r"[ \t\f]*(?:if|elif|else|for|while|try|except|finally|with|def|class|async|case)\b"
_COMPOUND = re.compile(_KEYWORD)
_ONE_LINE_SUITE = re.compile(rf"^{_KEYWORD}[^\n]*[^:\s][ \t]*$", re.MULTILINE)
_INDENT = re.compile(r"[ \t\f]*")
_TO_LINE_END = re.compile(r"[ \t\f]*(?:\n|\Z)")
_F_STRING = re.compile(r"\b(?:[fF][rR]?|[rR][fF])['\"]")


def has_nested_strings(source: str) -> bool:
    """True when f-strings may hold quotes and comments of their own (Python 3.12), which `STRING` misreads."""
    return sys.version_info >= (3, 12) and _F_STRING.search(source) is not None


def one_statement_per_line(source: str) -> str:
    """Return the source in its canonical layout, or unchanged where that is not sure to keep its meaning."""
    if has_nested_strings(source):
        return source
    lines = _join_lines(source)
    if lines is None:
        return source
    if ";" in lines or _ONE_LINE_SUITE.search(lines):
        return _split_statements(lines)
    return lines


def _join_lines(source: str) -> str | None:
    """Put each logical line on one physical line and drop comments; None when brackets or strings do not close."""
    pieces: list[str] = []
    start = line_start = depth = 0
    for match in _LINES.finditer(source):
        kind = match.lastgroup
        if kind == "open":
            depth += 1
        elif kind == "close":
            depth -= 1
        elif kind is not None:
            begin, end = match.span()
            if kind == "broken" or (kind == "joined" and not source[line_start:begin].strip()):
                return None  # a backslash within the indentation has rules of its own
            pieces += source[start:begin], _replacement(kind, depth)
            start = end
            line_start = line_start if kind == "comment" else end
    if depth != 0:
        return None
    pieces.append(source[start:])
    return "".join(pieces)


def _replacement(kind: str, depth: int) -> str:
    return "\n" if kind == "newline" and depth <= 0 else " "


def _split_statements(lines: str) -> str:
    """Put what follows `;` or the colon of a compound statement on a line of its own."""
    pieces: list[str] = []
    start = line_start = depth = lambdas = 0
    header = _COMPOUND.match(lines) is not None  # the colon that ends the header is still to come
    deeper = ""
    for match in _STATEMENTS.finditer(lines):
        kind, (begin, end) = match.lastgroup, match.span()
        if kind == "newline":
            line_start, lambdas, deeper = end, 0, ""
            header = _COMPOUND.match(lines, end) is not None
        elif kind == "open" or kind == "close":
            depth += 1 if kind == "open" else -1
        elif depth == 0 and kind == "lambda":
            lambdas += 1
        elif depth == 0 and kind == "colon" and lambdas:
            lambdas -= 1
        elif (depth == 0 and kind == "colon" and header) or kind == "semicolon":
            keep = end if kind == "colon" else begin
            deeper, header = (" ", False) if kind == "colon" else (deeper, header)
            line_break = _line_break(lines, line_start, end, deeper)
            pieces.append(lines[start:keep] + line_break)
            blank = _INDENT.match(lines, end) if line_break else None
            start = blank.end() if blank else end  # a form feed there would count as the start of the line
    pieces.append(lines[start:])
    return "".join(pieces)


def _line_break(lines: str, line_start: int, end: int, deeper: str) -> str:
    """A line break and the indentation of what follows position `end`; nothing at the end of a line."""
    if _TO_LINE_END.match(lines, end):
        return ""
    indent = _INDENT.match(lines, line_start)
    return "\n" + (indent.group() if indent else "") + deeper
