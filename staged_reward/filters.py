"""The words in which filters are given: `syntax`, `lint`, `lint=ruff`, `tests=3`, `tests=3@7`, `tests<=10`."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from staged_reward.errors import InputError, nearest
from staged_reward.problem import Problem
from staged_reward.worker import LintTool

STAGES = ("syntax", "lint", "tests")
_TESTS = re.compile(r"(\d+)(?:@(\d+))?")


@dataclass(frozen=True, slots=True)
class Syntax:
    """Removes what does not compile."""

    stage = "syntax"


@dataclass(frozen=True, slots=True)
class LintFilter:
    """Removes what a linter calls an error."""

    stage = "lint"
    tool: LintTool = "pylint"


@dataclass(frozen=True, slots=True)
class TestsFilter:
    """Removes what fails one of `num_tests` tests: the first ones, or random ones drawn with `seed` per problem.

    `is_most` takes all tests of a problem that has fewer; otherwise such a problem is refused.
    """

    stage = "tests"
    num_tests: int
    seed: int | None = None
    is_most: bool = False

    def indices(self, problem: Problem) -> tuple[int, ...]:
        """Return which of the problem's tests to run, in ascending order.

        Raises:
            InputError: The problem has fewer tests.
        """
        available = len(problem.tests)
        num_tests = min(self.num_tests, available) if self.is_most and available else self.num_tests
        if num_tests > available:
            has = f"{available} test{'' if available == 1 else 's'}"
            raise InputError(
                f"tests={self.num_tests} but problem {problem.task_id!r} has {has}; lower it or drop the problem"
            )
        if self.seed is None:
            return tuple(range(num_tests))
        draw = random.Random(f"{self.seed}/{problem.task_id}")
        return tuple(sorted(draw.sample(range(available), num_tests)))


Filter = Syntax | LintFilter | TestsFilter


def parse_filters(specs: Sequence[str | Filter]) -> tuple[Filter, ...]:
    """Read filters, and return them in the order in which they run: `syntax` is first, for it needs no worker.

    Args:
        specs: Words such as `syntax`, `lint`, `lint=ruff`, `tests=3` (the first 3), `tests=3@7` (3 drawn, seed 7) or
            `tests<=10` (the first 10, or all of a problem that has fewer); or filters.

    Raises:
        InputError: A word is unknown, or a stage is named twice.
    """
    if isinstance(specs, str):
        raise InputError(f"filters={specs!r} is one string; give a sequence such as ('syntax', 'tests=1')")
    filters = tuple(_parse_filter(spec) if isinstance(spec, str) else spec for spec in specs)
    stages = [item.stage for item in filters]
    for stage in stages:
        if stages.count(stage) > 1:
            raise InputError(f"filters={list(specs)!r} names stage {stage!r} twice; keep one")
    return tuple(sorted(filters, key=lambda item: not isinstance(item, Syntax)))


def _parse_filter(spec: str) -> Filter:
    name, equals, value = spec.strip().partition("=")
    if name == "syntax" and not equals:
        return Syntax()
    if name == "lint":
        return _parse_lint(spec, value if equals else "pylint")
    if name in ("tests", "tests<"):
        return _parse_tests(spec, value, is_most=name == "tests<")
    raise InputError(f"unknown filter {spec!r}{nearest(name, STAGES)}")


def _parse_lint(spec: str, tool: str) -> LintFilter:
    for known in get_args(LintTool):
        if tool == known:
            return LintFilter(known)
    raise InputError(f"unknown linter in filter {spec!r}{nearest(tool, get_args(LintTool))}")


def _parse_tests(spec: str, value: str, *, is_most: bool) -> TestsFilter:
    match = _TESTS.fullmatch(value)
    if match is None or int(match[1]) < 1:
        raise InputError(f"filter {spec!r}: give a number of tests from 1, as in 'tests=3', or 'tests=3@7' with a seed")
    return TestsFilter(int(match[1]), None if match[2] is None else int(match[2]), is_most)
