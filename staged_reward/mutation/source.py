"""A program as text and tree at once, so that an edit of the tree can be made in the text.

It knows where nodes lie, what surrounds them and where a token stands between two of them. It decides no mutation.
Offsets count characters from the start of the text.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

Located = ast.expr | ast.stmt | ast.keyword | ast.arg | ast.excepthandler

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|$)")
_SKIPPED_FIELDS = frozenset({"annotation", "returns", "decorator_list"})
_NAMES = (ast.Name, ast.Constant, ast.JoinedStr, ast.Call, ast.Attribute, ast.Subscript)
_DISPLAYS = (ast.List, ast.Dict, ast.Set, ast.Tuple, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


class Edit(NamedTuple):
    """Put `text` in place of the characters from `start` to `end`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class _Line:
    start: int
    text: str


class Program:
    """Source text, its tree, and the way from one to the other.

    Args:
        text: A whole program.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError, tokenize.TokenError: The text cannot be parsed.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.tree = ast.parse(text)
        self._lines = [_Line(found.start(), found.group()) for found in _LINE.finditer(text)]
        self.code = self._without_comments()
        self._parents = {child: parent for parent in ast.walk(self.tree) for child in ast.iter_child_nodes(parent)}

    def _without_comments(self) -> str:
        """The text with every comment blanked out, offsets unchanged."""
        characters = list(self.text)
        for token in tokenize.generate_tokens(io.StringIO(self.text, newline="").readline):
            if token.type == tokenize.COMMENT:
                start = self._lines[token.start[0] - 1].start + token.start[1]
                characters[start : start + len(token.string)] = " " * len(token.string)
        return "".join(characters)

    def _offset(self, line_number: int, utf8_column: int) -> int:
        line = self._lines[line_number - 1]
        return line.start + len(line.text.encode()[:utf8_column].decode())

    def start(self, node: Located) -> int:
        """Offset of the node's first character."""
        return self._offset(node.lineno, node.col_offset)

    def end(self, node: Located) -> int:
        """Offset behind the node's last character."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._offset(node.end_lineno, node.end_col_offset)

    def line_number(self, offset: int) -> int:
        """The line, from 1, that holds the character at `offset`."""
        return sum(line.start <= offset for line in self._lines if line.text) or 1

    def get(self, node: Located) -> str:
        """The node's text, without parentheses around it."""
        return self.text[self.start(node) : self.end(node)]

    def find(self, pattern: str, start: int, end: int) -> re.Match[str] | None:
        """First match of a regular expression in the code from `start` to `end`, comments aside."""
        return re.compile(pattern).search(self.code, start, end)

    def replace(self, node: Located, text: str) -> Edit:
        """The edit that puts `text` in place of the node."""
        return Edit(self.start(node), self.end(node), text)

    def swap(self, first: ast.expr, second: ast.expr) -> Edit:
        """The edit that exchanges two expressions; `first` ends before `second` starts."""
        between = self.text[self.end(first) : self.start(second)]
        return Edit(self.start(first), self.end(second), self.get(second) + between + self.get(first))

    def unwrap(self, node: ast.expr, inner: ast.expr) -> Edit:
        """The edit that puts `inner`, a part of the node, in the node's place, in parentheses where they are needed."""
        text = self.get(inner)
        parent = self.parent(node)
        delimited = isinstance(parent, ast.stmt | ast.Call | ast.keyword) or getattr(parent, "slice", None) is node
        plain = isinstance(inner, _NAMES + _DISPLAYS) or delimited
        return self.replace(node, text if plain and "\n" not in text else f"({text})")

    def parent(self, node: ast.AST) -> ast.AST | None:
        """The node that holds this one; None for the module."""
        return self._parents.get(node)

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """Parent, its parent, and so on to the module."""
        parent = self.parent(node)
        while parent is not None:
            yield parent
            parent = self.parent(parent)

    def function(self, node: ast.AST) -> ast.FunctionDef | None:
        """The innermost function that holds the node."""
        return next((outer for outer in self.ancestors(node) if isinstance(outer, ast.FunctionDef)), None)

    def block(self, statement: ast.stmt) -> list[ast.stmt]:
        """The list of statements that this one stands in."""
        parent = self.parent(statement)
        blocks = (getattr(parent, name, None) for name in ("body", "orelse", "finalbody"))
        return next((block for block in blocks if isinstance(block, list) and statement in block), [statement])

    def indent(self, statement: ast.stmt) -> str | None:
        """White space before the statement; None where other code of the line precedes it."""
        start = self.start(statement)
        before = self.text[self._lines[statement.lineno - 1].start : start]
        return None if before.strip() else before

    def full_lines(self, statement: ast.stmt) -> tuple[int, int] | None:
        """Offsets of the lines that hold this statement, line end included; None where they hold other code too."""
        assert statement.end_lineno is not None
        last = self._lines[statement.end_lineno - 1]
        stop = last.start + len(last.text)
        if self.indent(statement) is None or self.code[self.end(statement) : stop].strip():
            return None
        return self._lines[statement.lineno - 1].start, stop

    @property
    def newline(self) -> str:
        """The line end that the text uses."""
        return "\r\n" if "\r\n" in self.text else "\n"

    def sites(self) -> Iterator[ast.AST]:
        """Every node that may be mutated, parents before children.

        Left out: docstrings, annotations, decorators, what stands inside f-strings (Python 3.11 does not know where it
        lies), and the `if __name__ == "__main__"` test.
        """
        yield from self._sites_below(self.tree)

    def _sites_below(self, node: ast.AST) -> Iterator[ast.AST]:
        for name, value in ast.iter_fields(node):
            if name in _SKIPPED_FIELDS or (name == "test" and is_main_guard(node)):
                continue
            for child in value if isinstance(value, list) else [value]:
                if not isinstance(child, ast.AST) or is_bare_string(child):
                    continue
                if not is_main_guard(child):
                    yield child
                if not isinstance(child, ast.JoinedStr):
                    yield from self._sites_below(child)


def is_main_guard(node: ast.AST) -> bool:
    """Is this the statement `if __name__ == ...`?"""
    if not isinstance(node, ast.If) or not isinstance(node.test, ast.Compare):
        return False
    return isinstance(node.test.left, ast.Name) and node.test.left.id == "__name__"


def is_bare_string(node: ast.AST) -> bool:
    """Is this a statement that is only a string, such as a docstring?"""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def is_integer(node: ast.AST | None, value: int | None = None) -> bool:
    """Is this an integer literal (and this one)?"""
    if not isinstance(node, ast.Constant) or type(node.value) is not int:
        return False
    return value is None or node.value == value


def callee(node: ast.AST) -> str | None:
    """Last part of the name that a call calls: `f` for `f(x)`, `g` for `a.g(x)`; None for anything else."""
    if not isinstance(node, ast.Call):
        return None
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else None
