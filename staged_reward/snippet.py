"""Questions about a piece of text that may be Python: does it parse, is it a program, what does it define.

The answers guide `extract`; the verdict on a program is the business of `stages/`. Text that is too long to be parsed
in this process is judged by the look of its lines.
"""

from __future__ import annotations

import ast
import re

from staged_reward.stages.syntax import FILENAME, compile_here, needs_child, silence_warnings

_MAX_CUTS = 64
_STATEMENT = re.compile(
    r"""^(?:
      (?:async[ ]+)?def[ ]+\w++[ ]*\( | class[ ]+\w++[ ]*[(:] | from[ ]+[\w.]++[ ]+import[ ] | import[ ]+[\w.]++[
      ]*(?:$|,|as[ ])
    | @\w | (?:if|while|for|with|elif)\b[^\n]*:[ \t\r]*$ | (?:try|else|finally):
    | \w[\w.]*+(?:\[[^\]\n]*\])?[ ]*+(?:[-+*/%|&^]|//|\*\*|<<|>>)?=[^=] | \w[\w.]*+\([^\n]*\)[ \t\r]*(?:$|\#)
    )""",
    re.MULTILINE | re.VERBOSE,
)
_PROVIDED = re.compile(
    r"^(?:(?:async +)?def|class) +(\w+)|^(?:from +[\w.]+ +)?import +([^\n#(]+|\([^)]*\))", re.MULTILINE
)
_IMPORTED_NAME = re.compile(r"(?:\bas +)?(\w+)[ \t]*(?:,|\)|\s*$)")


def parses(text: str) -> bool:
    """True when the text compiles as a module. False for text too long to try."""
    return not needs_child(text) and error_line(text) is None


def error_line(text: str) -> int | None:
    """None when the text compiles; else the line of the first error, from 1 (0 when it has none)."""
    try:
        compile_here(text)
    except SyntaxError as error:
        return error.lineno or 0
    except (RecursionError, MemoryError):
        return 0
    return None


def is_program(text: str) -> bool:
    """True for text that compiles and does more than name things: it defines, imports, assigns, calls or loops."""
    if needs_child(text):
        return first_statement(text) is not None
    return parses(text) and any(_does_something(statement) for statement in _statements(text))


def first_statement(text: str) -> int | None:
    """Position of the first line that looks like a statement at the left margin."""
    match = _STATEMENT.search(text)
    return match.start() if match else None


def statement_starts(text: str, most: int) -> list[int]:
    """Positions of the first lines that look like statements at the left margin."""
    return [match.start() for match, _ in zip(_STATEMENT.finditer(text), range(most), strict=False)]


def defines(text: str, name: str) -> bool:
    """True when the text defines or assigns `name` at the left margin."""
    pattern = rf"^(?:(?:async +)?def|class) +{re.escape(name)}\b|^{re.escape(name)}[ \t]*(?::[^=\n]*)?=[^=]"
    return re.search(pattern, text, re.MULTILINE) is not None


def provided_names(text: str) -> set[str]:
    """Names of the functions, classes and imports at the left margin."""
    names: set[str] = set()
    for match in _PROVIDED.finditer(text):
        defined, imported = match.groups()
        names |= {defined} if defined else set(_IMPORTED_NAME.findall(imported))
    return names


def parsable_prefix(text: str) -> str:
    """The longest prefix of whole top-level statements that compiles; may be empty.

    A statement that breaks goes as a whole, with all of its block: half a function is not what its author meant. Text
    too long to try comes back as it is.
    """
    if needs_child(text):
        return text
    lines = text.splitlines(keepends=True) if "\n" not in text else re.findall(r"[^\n]*\n|[^\n]+", text)
    for _ in range(_MAX_CUTS):
        prefix = "".join(lines)
        line = error_line(prefix)
        if line is None or not lines:
            return prefix
        last = min(max(line, 1), len(lines)) - 1  # any prefix that holds this line has the same error
        while last and not lines[last][:1].strip():
            last -= 1
        del lines[last:]
    return ""


def _statements(text: str) -> list[ast.stmt]:
    silence_warnings(FILENAME)
    tree = compile(text, FILENAME, "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
    assert isinstance(tree, ast.Module)
    return tree.body


def _does_something(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.AnnAssign):
        return statement.value is not None
    if not isinstance(statement, ast.Expr):
        return not isinstance(statement, ast.Pass)
    return any(isinstance(node, ast.Call | ast.NamedExpr | ast.Await) for node in ast.walk(statement))
