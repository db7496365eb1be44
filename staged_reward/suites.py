"""Snippets of test source that share one namespace (MBPP, native `assert` tests), to one test per snippet.

Nothing is run here. A snippet that is one assert converts where `asserts` can say it; the rest stays an `AssertTest`.
For the other shape of test source, a function, see `check_function`.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from staged_reward.asserts import bound_names, convert_assert, is_vacuous, parse
from staged_reward.problem import AssertTest, Test
from staged_reward.tally import count


def convert_snippets(snippets: Sequence[str], entry_point: str | None, *, setup: str = "") -> list[Test]:
    """Return one test per snippet, in order. `setup` runs before them, in the same namespace.

    Raises:
        InputError: A snippet or the setup does not parse.
    """
    bound = bound_names(parse(setup).body)
    tests: list[Test] = []
    for snippet in snippets:
        body = parse(snippet).body
        tests.append(_convert(snippet, body, entry_point, bound))
        bound |= bound_names(body)
    return tests


def without_vacuous(tests: Sequence[Test]) -> list[Test]:
    """Drop tests that only assert what cannot fail, unless nothing else is left."""
    rest = [
        test for test in tests if not (isinstance(test, AssertTest) and all(map(is_vacuous, parse(test.code).body)))
    ]
    return rest or list(tests)


def _convert(snippet: str, body: list[ast.stmt], entry_point: str | None, bound: set[str]) -> Test:
    converted = None
    if entry_point is not None and len(body) == 1 and isinstance(body[0], ast.Assert):
        converted = convert_assert(body[0], entry_point, aliases=(), bound=bound)
    count(body, converted=converted is not None)
    return converted or AssertTest(snippet)
