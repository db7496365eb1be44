"""The tests of one problem, compiled and encoded once, to run many programs against. Trusted side."""

from __future__ import annotations

import ast
import types
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field

from staged_reward.asserts import parse
from staged_reward.checks import validate_check
from staged_reward.errors import InputError
from staged_reward.problem import AssertTest, CallTest, Problem, Test
from staged_reward.sandbox.host import operation


@dataclass(slots=True)
class Suite:
    """The tests of one problem, made ready to run many programs against; `of` makes one."""

    tests: Sequence[Test]
    entry_point: str
    setup: str
    imports: str = ""
    calls_frames: dict[int, bytes] = field(default_factory=dict)
    checks: list[types.CodeType | None] = field(default_factory=list)
    codes: dict[str, types.CodeType] = field(default_factory=dict)
    names: frozenset[str] = frozenset()

    @classmethod
    def of(cls, problem: Problem, indices: Sequence[int] | None = None) -> Suite:
        """Make the suite of a problem's tests, or of some of them, in the order given.

        Raises:
            InputError: A test, or the setup, does not compile.
        """
        tests = problem.tests if indices is None else [problem.tests[i] for i in indices]
        suite = cls(tests, problem.entry_point or "", problem.setup, imports_of(problem.setup))
        suite.checks = [validate_check(t.check) if isinstance(t, CallTest) and t.check else None for t in tests]
        sources = [test.code for test in tests if isinstance(test, AssertTest)]
        if sources:
            suite.codes = {source: compile_statements(source) for source in (problem.setup, *sources)}
            suite.names = frozenset(name for source in suite.codes for name in _names_in(parse(source)))
        return suite

    def calls_frame(self, start: int) -> bytes:
        """Return the operation that makes the calls of the run of `call` tests which begins at `start`."""
        if start not in self.calls_frames:
            end = self.end_of_run(start)
            calls = [[list(t.args), dict(t.kwargs)] for t in self.tests[start:end] if isinstance(t, CallTest)]
            self.calls_frames[start] = operation("calls", self.entry_point, calls)
        return self.calls_frames[start]

    def end_of_run(self, start: int) -> int:
        """Return where the run of tests of one kind that begins at `start` ends."""
        kind = type(self.tests[start])
        end = start
        while end < len(self.tests) and type(self.tests[end]) is kind:
            end += 1
        return end


def imports_of(setup: str) -> str:
    """Return the import statements at the top level of a setup: what programs were written to find in scope."""
    if "import" not in setup:
        return ""
    kept = [node for node in parse(setup).body if isinstance(node, ast.Import | ast.ImportFrom)]
    return "\n".join(map(ast.unparse, kept))


def compile_statements(source: str) -> types.CodeType:
    """Compile test source, without its warnings.

    Raises:
        InputError: It does not compile.
    """
    tree = parse(source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return compile(tree, "<tests>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InputError(f"test source does not compile: {error}") from error


def _names_in(tree: ast.Module) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
