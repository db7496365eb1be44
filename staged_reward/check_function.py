"""Test source with a function `check(candidate)` (HumanEval and its kin), to tests in the order of its statements.

An assert that converts becomes a `CallTest`. Any other statement that can fail becomes an `AssertTest` that stands
alone: a module with the earlier statements that it depends on, and a call of its `check` with the entry point. Names
that the source does not define are left free; they belong to the program. Nothing is run here.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator, Sequence

from staged_reward.asserts import bound_names, convert_assert, is_vacuous, parse
from staged_reward.errors import InputError
from staged_reward.problem import AssertTest, CallTest, Test
from staged_reward.suites import without_vacuous
from staged_reward.tally import count

_DEFINITIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_BINDINGS = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Delete)
_CONTROL = (ast.Return, ast.Yield, ast.YieldFrom, ast.Await, ast.Global, ast.Nonlocal)


def convert_check(source: str, entry_point: str) -> list[Test]:
    """Return the tests of a `check` function; asserts that cannot fail are dropped unless nothing else is left.

    Raises:
        InputError: The source does not parse, has no such function, or is nested too deeply.
    """
    try:
        return without_vacuous(_CheckFunction(parse(source), entry_point).tests())
    except RecursionError as error:
        raise InputError("the test source is nested too deeply; simplify it") from error


class _CheckFunction:
    """The statements of the module around `check` and of `check` itself, in one list, and what depends on what.

    Attributes:
        first: Index of the first statement of `check`.
        data: Names bound by statements other than definitions: their values may change from statement to statement.
        program_names: Names that reach the program: the parameter, the entry point, helpers that may call either.
    """

    def __init__(self, module: ast.Module, entry_point: str) -> None:
        self.entry_point = entry_point
        self.function = _find_check(module)
        self.parameter = self.function.args.args[0].arg
        outer = [node for node in module.body if node is not self.function and not _calls_check(node)]
        self.first = len(outer)
        self.statements = [*outer, *_without_noise(self.function.body)]
        helpers = {s.name for s in self.statements if isinstance(s, ast.FunctionDef | ast.ClassDef)}
        self.program_names = {self.parameter, entry_point.partition(".")[0].removesuffix("()")} | helpers
        self.data = bound_names(s for s in self.statements if not isinstance(s, _DEFINITIONS))

    def tests(self) -> list[Test]:
        inner = range(self.first, len(self.statements))
        if any(isinstance(node, _CONTROL) for i in inner for node in _walk_scope(self.statements[i])):
            count(self.statements[self.first :], converted=False)
            return [AssertTest(self._code(range(len(self.statements))))]
        converted = self._converted()
        kept = self._kept([i for i in inner if i not in converted])
        tests: dict[int, Test] = {**kept, **converted}
        for i in tests:
            count([self.statements[i]], converted=i in converted)
        return [tests[i] for i in sorted(tests)]

    def _converted(self) -> dict[int, CallTest]:
        found: dict[int, CallTest] = {}
        bound = bound_names(self.statements[: self.first])
        for i, statement in enumerate(self.statements[self.first :], start=self.first):
            if isinstance(statement, ast.Assert):
                test = convert_assert(statement, self.entry_point, aliases=(self.parameter,), bound=bound)
                found |= {i: test} if test is not None else {}
            bound |= bound_names([statement])
        return found

    def _kept(self, indices: Sequence[int]) -> dict[int, AssertTest]:
        """Tests for statements that can fail, and for assigned calls of the program that no later test uses."""
        needs = {i: self._dependencies(i) for i in indices}
        tests = [i for i in indices if self._can_fail(self.statements[i])]
        used = {j for i in tests for j in needs[i]}
        tests += [i for i in indices if i not in tests and i not in used and self._reaches_program(self.statements[i])]
        return {i: AssertTest(self._code([*needs[i], i])) for i in tests}

    def _can_fail(self, statement: ast.stmt) -> bool:
        if any(isinstance(node, ast.Assert | ast.Raise) for node in _walk_scope(statement)):
            return True
        return not isinstance(statement, _BINDINGS) and self._reaches_program(statement)

    def _reaches_program(self, statement: ast.stmt) -> bool:
        return not isinstance(statement, _DEFINITIONS) and bool(_names(statement) & self.program_names)

    def _dependencies(self, index: int) -> list[int]:
        """Indices of the earlier statements that bind or may change what the statement uses, in order."""
        needed, chosen, num_before = _needs(self.statements[index]), set[int](), -1
        while num_before != len(chosen):  # a function may use what is bound after it
            num_before = len(chosen)
            for i in reversed(range(index)):
                if i not in chosen and self._affects(self.statements[i], needed):
                    chosen.add(i)
                    needed |= _needs(self.statements[i])
        return sorted(chosen)

    def _affects(self, statement: ast.stmt, needed: set[str]) -> bool:
        if _defines(statement) & (needed | {"*"}):
            return True
        if isinstance(statement, _DEFINITIONS):
            return False
        if isinstance(statement, ast.Expr):  # such as `random.seed(0)`, which changes a module
            return bool(_names(statement) & needed - self.program_names)
        return bool(_names(statement) & needed & self.data)

    def _code(self, indices: Sequence[int]) -> str:
        outer = [self.statements[i] for i in indices if i < self.first]
        inner = [self.statements[i] for i in indices if i >= self.first]
        if not outer and all(map(is_vacuous, inner)):
            return "\n".join(map(ast.unparse, inner))
        check = copy.copy(self.function)
        check.body = inner
        call = ast.parse(f"check({self.entry_point})").body
        return ast.unparse(ast.Module(body=[*outer, check, *call], type_ignores=[]))


def _find_check(module: ast.Module) -> ast.FunctionDef:
    for node in reversed(module.body):
        if isinstance(node, ast.FunctionDef) and node.name == "check" and node.args.args:
            return node
    raise InputError("the test source has no function `check(candidate)`; add it")


def _calls_check(node: ast.stmt) -> bool:
    match node:
        case ast.Expr(value=ast.Call(func=ast.Name(id="check"))):
            return True
    return False


def _without_noise(body: Sequence[ast.stmt]) -> list[ast.stmt]:
    """Drop docstrings, `pass`, and a `return` of nothing much at the very end."""
    match body[-1]:
        case ast.Return(value=None | ast.Constant()):
            body = body[:-1]
    return [node for node in body if not isinstance(node, ast.Pass) and not _is_docstring(node)]


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _walk_scope(statement: ast.stmt) -> Iterator[ast.AST]:
    """Nodes of a statement, the insides of functions and classes left out."""
    queue: list[ast.AST] = [statement]
    while queue:
        node = queue.pop()
        yield node
        if not isinstance(node, (*_DEFINITIONS, ast.Lambda)):
            queue.extend(ast.iter_child_nodes(node))


def _names(node: ast.AST) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}


def _needs(statement: ast.stmt) -> set[str]:
    """Names that the statement reads or changes; the target of its own `for` is none of them."""
    read = {n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Store)}
    changed = {
        n.target.id for n in ast.walk(statement) if isinstance(n, ast.AugAssign) and isinstance(n.target, ast.Name)
    }
    if isinstance(statement, ast.For):
        read = read - _names(statement.target) | _names(statement.iter)
    return read | changed


def _defines(statement: ast.stmt) -> set[str]:
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name.partition(".")[0] for alias in statement.names}
    return bound_names([statement])
