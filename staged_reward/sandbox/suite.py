"""The tests of one problem, compiled and encoded once, to run many programs against. Trusted side."""

from __future__ import annotations

import ast
import types
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from staged_reward.asserts import parse
from staged_reward.checks import validate_check
from staged_reward.errors import InputError
from staged_reward.problem import AssertTest, CallTest, Problem, Test
from staged_reward.sandbox.common_setup import CommonSetup
from staged_reward.sandbox.compiled import compiled
from staged_reward.sandbox.host import operation
from staged_reward.self_contained import is_self_contained

TYPE_OF = "__type_of__"  # the function that says what a value's class is, in the namespace of test code


@dataclass(slots=True)
class Suite:
    """The tests of one problem, made ready to run many programs against; `of` makes one."""

    tests: Sequence[Test]
    entry_point: str
    setup: str
    imports: str | bytes = ""
    calls_frames: dict[tuple[int, int], bytes] = field(default_factory=dict)
    checks: list[types.CodeType | None] = field(default_factory=list)
    codes: dict[str, types.CodeType] = field(default_factory=dict)
    names: frozenset[str] = frozenset()
    strings: frozenset[str] = frozenset()
    num_in_turn: int = 0  # tests at its beginning for which self-contained programs may take turns in one process
    seen: list[str] | None = None  # where digests of what programs return go; None compares it with what is expected

    @classmethod
    def of(cls, problem: Problem) -> Suite:
        """Make the suite of a problem's tests.

        Raises:
            InputError: A test, or the setup, does not compile.
        """
        tests = problem.tests
        common = CommonSetup.of(problem.setup, problem.prompt)
        source = common.source
        try:
            imports = compiled(source) if source else ""
        except SyntaxError as error:
            raise InputError(f"the setup of {problem.task_id!r} does not compile: {error}") from error
        suite = cls(tests, problem.entry_point or "", common.rest, imports)
        suite.checks = [validate_check(t.check) if isinstance(t, CallTest) and t.check else None for t in tests]
        if tests and isinstance(tests[0], CallTest) and suite.entry_point.isidentifier() and is_self_contained(source):
            suite.num_in_turn = suite.end_of_run(0)
        sources = [test.code for test in tests if isinstance(test, AssertTest)]
        if sources:
            suite.codes = {source: compile_statements(source) for source in (suite.setup, *sources)}
            trees = [parse(source) for source in suite.codes]
            suite.strings = frozenset(string for tree in trees for string in _strings_in(tree))
            trees += [tree for string in suite.strings if (tree := _parsed(string)) is not None]
            suite.names = frozenset(name for tree in trees for name in _names_in(tree)).union(common.classes)
        return suite

    @property
    def last_statements(self) -> Test | None:
        """The last `assert` test."""
        return next((test for test in reversed(self.tests) if isinstance(test, AssertTest)), None)

    @property
    def has_statements(self) -> bool:
        """Whether any test is an `assert` test."""
        return bool(self.codes)

    def call(self, index: int) -> CallTest:
        """Return a test that is a call."""
        test = self.tests[index]
        assert isinstance(test, CallTest)
        return test

    def calls_frame(self, start: int, end: int) -> bytes:
        """Return the operation that makes the calls of the `call` tests from `start` to before `end`."""
        if (start, end) not in self.calls_frames:
            tests = map(self.call, range(start, end))
            calls = [[list(test.args), dict(test.kwargs)] for test in tests]
            self.calls_frames[start, end] = operation("calls", self.entry_point, calls)
        return self.calls_frames[start, end]

    def end_of_run(self, start: int) -> int:
        """Return where the run of tests of one kind that begins at `start` ends."""
        kind = type(self.tests[start])
        end = start
        while end < len(self.tests) and type(self.tests[end]) is kind:
            end += 1
        return end


def compile_statements(source: str, mode: Literal["exec", "eval"] = "exec") -> types.CodeType:
    """Compile test source, without its warnings.

    `type(x)` and `x.__class__` are compiled to a call of `TYPE_OF`, and functions named `test_…` that take no arguments
    and that the source itself does not mention again are called at its end, as pytest would call them.

    Raises:
        InputError: It does not compile.
    """
    tree: Any = _TypeOf().visit(parse(source))
    if mode == "exec":
        tree.body.extend(_calls_of_test_functions(tree))
    elif len(tree.body) == 1 and isinstance(tree.body[0], ast.Expr):
        tree = ast.Expression(tree.body[0].value)
    else:
        raise InputError("test source is no expression")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return compile(ast.fix_missing_locations(tree), "<tests>", mode, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InputError(f"test source does not compile: {error}") from error


class _TypeOf(ast.NodeTransformer):
    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        match node:
            case ast.Call(func=ast.Name(id="type"), args=[ast.expr()], keywords=[]):
                node.func = ast.copy_location(ast.Name(id=TYPE_OF, ctx=ast.Load()), node.func)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        if node.attr != "__class__" or not isinstance(node.ctx, ast.Load):
            return node
        return ast.copy_location(ast.Call(ast.Name(TYPE_OF, ast.Load()), [node.value], []), node)


def _calls_of_test_functions(tree: ast.Module) -> list[ast.stmt]:
    mentioned = _names_in(tree)
    return [
        ast.parse(f"{node.name}()").body[0]
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith("test_")
        and node.name not in mentioned
        and not (node.args.posonlyargs or node.args.args or node.args.kwonlyargs or node.decorator_list)
    ]


def _strings_in(tree: ast.Module) -> set[str]:
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def _parsed(string: str) -> ast.Module | None:
    """Return the tree of a string that the test may evaluate."""
    try:
        return parse(string.strip())
    except InputError:
        return None


def _names_in(tree: ast.Module) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
