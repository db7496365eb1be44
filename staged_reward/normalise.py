"""What makes two programs the same: source without comments, Black's form, Python's own form, and a digest of what the
program does.

Candidates are deduplicated by `identity`: the program is compiled in a canonical line layout and its code is hashed
without line numbers. That costs a fraction of Black, and programs that Black makes equal have equal digests: line
breaks, indentation, quotes, redundant parentheses, comments, and white space inside docstrings do not count. Names,
the order of statements, and the types and values of literals do (`1`, `1.0` and `True` differ).

Not done here: judging programs (`stages/`), and running them.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import io
import marshal
import opcode
import re
import tokenize
from types import CodeType
from typing import TYPE_CHECKING

from staged_reward.layout import COMMENT, STRING, has_nested_strings, one_statement_per_line
from staged_reward.stages.syntax import FILENAME, INLINE_CHARS, needs_child, parse_program, silence_warnings

if TYPE_CHECKING:
    from black.mode import Mode

_COMMENTS = re.compile(rf"{COMMENT}|{STRING}", re.VERBOSE | re.DOTALL)
_LOOKS_AT_ITSELF = re.compile(r"lineno|_getframe|\binspect\b|traceback|\bco_|__code__|__doc__|linecache|getsource")
_MAX_GROWTH, _SHORT = 4, 100  # of a form: indentation of one space becomes four, semicolons become lines
_MARSHAL_VERSION = 2  # the last without back references, which depend on reference counts
_OPTIMIZED = 0x1  # CO_OPTIMIZED: code of a function, not of a module or class body
_LOAD_CONST, _STORE_NAME = opcode.opmap["LOAD_CONST"], opcode.opmap["STORE_NAME"]


def strip_comments(source: str) -> str:
    """Replace every comment by spaces, so that lines and columns stay where they are.

    A `#` inside a string stays. Source with a string that does not close is returned as it is: it does not compile, and
    where its comments begin is a matter of opinion.
    """
    if "#" not in source:
        return source
    if has_nested_strings(source):
        return _strip_by_tokens(source)
    pieces: list[str] = []
    start = 0
    for match in _COMMENTS.finditer(source):
        if match.lastgroup == "comment":
            begin, end = match.span()
            pieces += source[start:begin], " " * (end - begin)
            start = end
        elif match.lastgroup == "broken":
            return source
    pieces.append(source[start:])
    return "".join(pieces)


def black_format(source: str) -> str:
    """Return the source as Black formats it; unchanged when it does not compile or Black cannot format it.

    Black is compiled C code without a guard against deep recursion. So it sees only source that Python's own compiler
    took, and none that is long enough to nest without end. Its own faults on odd input leave the source unchanged.
    """
    import black
    from black.parsing import InvalidInput

    if needs_child(source) or not _compiles(source):
        return source
    try:
        return black.format_str(source, mode=_black_mode())
    except (InvalidInput, AssertionError, LookupError, RecursionError, ValueError):
        return source


def ast_format(source: str) -> str:
    """Return the source as `ast.unparse` writes it, without comments, docstrings and other strings that nothing uses.

    A twentieth of Black's time, and what is gone is what a program can say for itself without doing it. Where it cannot be
    parsed or written so, or where that would take long or make it much longer, the comments are gone and the rest is as
    it was. The form may differ between versions of Python.
    """
    text = source.removeprefix("\ufeff")
    if len(text) <= INLINE_CHARS:
        silence_warnings(FILENAME)
        try:
            tree = ast.parse(text, FILENAME)
            _drop_strings(tree.body)
            form = ast.unparse(tree) + "\n"
        except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError):  # Unicode's errors are values'
            return strip_comments(source)
        if len(form) <= _MAX_GROWTH * max(len(text), _SHORT):
            return form
    return strip_comments(source)


def _drop_strings(body: list[ast.stmt]) -> None:
    """Drop the statements that are text or bytes and nothing more, in inner bodies too; an empty one gets a `pass`."""
    body[:] = [statement for statement in body if not _is_string(statement)] or [ast.Pass()]
    for statement in body:
        for part in (statement, *getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
            for name in ("body", "orelse", "finalbody"):
                if inner := getattr(part, name, None):
                    _drop_strings(inner)


def _is_string(statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(ast.Constant(str() | bytes())):
            return True
        case ast.Expr(ast.JoinedStr(parts)):
            return all(isinstance(part, ast.Constant) for part in parts)
    return False


@functools.cache
def _black_mode() -> Mode:
    from black.mode import Mode, TargetVersion

    return Mode(target_versions={TargetVersion.PY311})


def identity(source: str) -> bytes:
    """Digest of what a program does: equal for programs that differ only by formatting and comments.

    Programs that do not compile, those that a trusted process should not compile, and those that look at their own code
    or lines are told apart by their text without comments.

    Returns:
        16 bytes, the same in every process of one Python version.
    """
    if not needs_child(source) and not _LOOKS_AT_ITSELF.search(source):
        for text in (one_statement_per_line(source), source):
            try:
                return _digest(b"code", marshal.dumps(_without_lines(parse_program(text)), _MARSHAL_VERSION))
            except (SyntaxError, ValueError, RecursionError, MemoryError):  # the last three: nested too deeply
                continue
    return _digest(b"text", strip_comments(source).encode("utf-8", "surrogatepass"))


def _digest(kind: bytes, data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16, person=kind).digest()


def _compiles(source: str) -> bool:
    try:
        parse_program(source)
    except SyntaxError:
        return False
    return True


def _without_lines(code: CodeType) -> CodeType:
    """The code without file, lines and columns, and with white space in docstrings folded; inner functions too."""
    constants = [_without_lines(value) if isinstance(value, CodeType) else value for value in code.co_consts]
    place = _docstring_place(code)
    docstring = None if place is None else constants[place]
    if place is not None and isinstance(docstring, str):
        constants[place] = " ".join(docstring.split())
    return code.replace(co_consts=tuple(constants), co_linetable=b"", co_firstlineno=1, co_filename="")


def _docstring_place(code: CodeType) -> int | None:
    """Index of the docstring among the constants; for modules and classes, of what is stored first as `__doc__`."""
    if code.co_flags & _OPTIMIZED:
        return None if code.co_name.startswith("<") or not code.co_consts else 0
    if "__doc__" not in code.co_names:
        return None
    store = code.co_code.find(bytes((_STORE_NAME, code.co_names.index("__doc__") & 0xFF)))
    return code.co_code[store - 1] if store >= 2 and code.co_code[store - 2] == _LOAD_CONST else None


def _strip_by_tokens(source: str) -> str:
    """`strip_comments` by Python's tokenizer: slow, and right for nested f-strings."""
    lines = io.StringIO(source, newline="").readlines()
    try:
        tokens = list(tokenize.generate_tokens(iter([*lines, ""]).__next__))
    except (tokenize.TokenError, SyntaxError):
        return source
    for token in tokens:
        if token.type == tokenize.COMMENT:
            (row, begin), (_, end) = token.start, token.end
            lines[row - 1] = lines[row - 1][:begin] + " " * (end - begin) + lines[row - 1][end:]
    return "".join(lines)
