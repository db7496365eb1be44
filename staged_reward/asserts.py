"""One assert about one call of the entry point, to a `CallTest`.

`assert f(1, 2) == 3` becomes arguments, an expected value and a check, so that the expected value never enters the
program's process. It converts only where the meaning stays what it was: one call that always runs exactly once, with
plain data as arguments, in an expression of the language of `checks`. It runs neither the test nor the program. Blocks
of test source are the matter of `suites`.
"""

from __future__ import annotations

import ast
import copy
import warnings
from collections.abc import Collection, Iterable

from staged_reward.checks import CHECK_NAMES, EQUAL, run_check, validate_check
from staged_reward.errors import InputError
from staged_reward.literals import fold, fold_arguments, folds
from staged_reward.problem import CallTest

__all__ = ["CHECK_NAMES", "bound_names", "convert_assert", "is_vacuous", "parse", "run_check", "validate_check"]

_RESERVED = frozenset({"result", "expected"})
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_INNER = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def parse(source: str) -> ast.Module:
    """Parse test source; its warnings are not the user's concern.

    Raises:
        InputError: The source does not parse.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except SyntaxError as error:
        raise InputError(f"Python source does not parse: line {error.lineno}: {error.msg}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise InputError(f"Python source does not parse: {error}") from error


def convert_assert(
    assertion: ast.Assert | str,
    entry_point: str,
    *,
    aliases: Iterable[str] = ("candidate",),
    bound: Collection[str] = (),
) -> CallTest | None:
    """Convert one assert; its message, if any, is dropped.

    Args:
        assertion: The statement, or its source.
        entry_point: `f`, `Class.f` or `Class().f`.
        aliases: Names that mean the entry point too, as HumanEval's `candidate` does.
        bound: Names that the test source binds before this statement; `*` after a star import. An assert that uses one
            of them is left alone.

    Returns:
        The test, or None when the assert must stay an assert.

    Raises:
        InputError: The source does not parse.
    """
    if isinstance(assertion, str):
        body = parse(assertion).body
        if len(body) != 1 or not isinstance(body[0], ast.Assert):
            return None
        assertion = body[0]
    names = {node.id for node in ast.walk(assertion.test) if isinstance(node, ast.Name)}
    if names & _RESERVED or names & set(bound) or "*" in bound:
        return None
    try:
        return _convert(copy.deepcopy(assertion.test), (entry_point, *aliases))
    except (InputError, ValueError, RecursionError):
        return None  # outside what can be said as a check


def is_vacuous(statement: ast.stmt) -> bool:
    """Tell whether this is an assert of a constant that cannot fail, such as `assert True`."""
    return isinstance(statement, ast.Assert) and folds(statement.test) and bool(fold(statement.test))


def bound_names(statements: Iterable[ast.AST]) -> set[str]:
    """Names that the statements bind in their own scope; `*` stands for a star import.

    `import math` is left out: there, the name means what it means in a check.
    """
    names: set[str] = set()
    queue = list(statements)
    while queue:
        node = queue.pop()
        names |= _binds(node)
        if isinstance(node, _SCOPES):
            names |= {name for inner in ast.walk(node) if isinstance(inner, ast.Global) for name in inner.names}
        elif not isinstance(node, _INNER):
            queue.extend(ast.iter_child_nodes(node))
    return names


def _binds(node: ast.AST) -> set[str]:
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            return {name}
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.Import(names=aliases):
            return {a.asname or a.name.split(".")[0] for a in aliases if (a.name, a.asname) != ("math", None)}
        case ast.ImportFrom(names=aliases):
            return {alias.asname or alias.name for alias in aliases}
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            return {name}
        case ast.MatchMapping(rest=str(name)):
            return {name}
    return set()


def _convert(test: ast.expr, targets: tuple[str, ...]) -> CallTest | None:
    forms = [ast.parse(target, mode="eval").body for target in targets]
    dumps = {ast.dump(form) for form in forms}
    calls = [node for node in ast.walk(test) if isinstance(node, ast.Call) and ast.dump(node.func) in dumps]
    if len(calls) != 1 or not _runs_once(test, calls[0]):
        return None
    args, kwargs = fold_arguments(calls[0])
    result = ast.Name(id="result", ctx=ast.Load())
    rest = _Swap(calls[0], result).visit(test)
    roots = {node.id for form in forms for node in ast.walk(form) if isinstance(node, ast.Name)}
    if any(isinstance(node, ast.Name) and node.id in roots for node in ast.walk(rest)):
        return None
    other = _equated(rest, result)
    if other is not None and folds(other):
        return CallTest(args, kwargs, fold(other), EQUAL)
    if _looks_like_class(targets[0]) and not _is_direct(rest, result):
        return None
    check = ast.unparse(rest)
    validate_check(check)
    return CallTest(args, kwargs, None, check)


class _Swap(ast.NodeTransformer):
    """Puts one node in the place of another."""

    def __init__(self, old: ast.expr, new: ast.expr) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return self.new if node is self.old else self.generic_visit(node)


def _equated(test: ast.AST, result: ast.expr) -> ast.expr | None:
    """The other side of `result == other` or `other == result`."""
    match test:
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
            return right if left is result else left if right is result else None
    return None


def _runs_once(root: ast.AST, call: ast.Call) -> bool:
    """Tell whether evaluating `root` evaluates `call` exactly once, whatever the values are."""
    if root is call:
        return True
    return any(_runs_once(child, call) for child in _always_evaluated(root))


def _always_evaluated(node: ast.AST) -> Iterable[ast.AST]:
    match node:
        case ast.BoolOp(values=[first, *_]) | ast.IfExp(test=first):
            return [first]
        case ast.Compare(left=left, comparators=[second, *_]):
            return [left, second]
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
            return [node.generators[0].iter]
        case ast.Lambda():
            return []
    return ast.iter_child_nodes(node)


def _looks_like_class(entry_point: str) -> bool:
    """A call of a class makes an instance, and methods of an instance are not those of plain data."""
    return entry_point.isidentifier() and entry_point[0].isupper() and "_" not in entry_point


def _is_direct(test: ast.AST, result: ast.expr) -> bool:
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return operand is result
        case ast.Compare(left=left, comparators=[right]):
            return (left is result and folds(right)) or (right is result and folds(left))
    return test is result
