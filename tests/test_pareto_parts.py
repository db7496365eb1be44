"""The parts of a study, each alone: frontier, prices, patterns, ranks, recipes, processes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staged_reward.errors import InputError
from staged_reward.pareto.accuracy import Case
from staged_reward.pareto.frontier import pareto_optimal
from staged_reward.pareto.patterns import PATTERNS, patterns_of
from staged_reward.pareto.processes import run_in_processes
from staged_reward.pareto.ranks import enrichments, removed_ranks
from staged_reward.pareto.recipe import Recipe, grid
from staged_reward.prices import read_prices
from staged_reward.problem import AssertTest, CallTest, Problem, StdioTest

POINTS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12)


@given(POINTS)
def test_a_point_is_optimal_when_nothing_beats_it_in_both(points: list[tuple[int, int]]) -> None:
    found = pareto_optimal(points)
    for point, is_optimal in zip(points, found, strict=True):
        beaten = any(x >= point[0] and y >= point[1] and (x > point[0] or y > point[1]) for x, y in points)
        assert is_optimal != beaten


def test_the_packages_prices_are_the_papers() -> None:
    prices = {price.provider: price for price in read_prices()}
    assert (prices["AWS"].gpu_dollars_per_hour, prices["AWS"].cpu_dollars_per_hour) == (3.004, 3.072)
    assert prices["GCP"].gpu_dollars_per_hour == 5.782


def test_a_cpu_run_is_charged_its_share_of_the_cores_and_a_gpu_run_the_machine() -> None:
    aws = read_prices()[0]
    an_hour = 100_000 / 3600  # programs per second that take one hour
    assert aws.dollars(an_hour, 64, on_gpu=False) == pytest.approx(3.072)
    assert aws.dollars(an_hour, 2, on_gpu=False) == pytest.approx(3.072 / 32)
    assert aws.dollars(an_hour, 2, on_gpu=True) == pytest.approx(3.004)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "give a list"),
        ("{", "no table"),
        ("- {provider: A}", "give the keys"),
        ("- {provider: A, cpu_dollars_per_hour: 0, cpu_cores: 1, gpu_dollars_per_hour: 1}", "positive number"),
        ("- {provider: A, cpu_dollars_per_hour: x, cpu_cores: 1, gpu_dollars_per_hour: 1}", "positive number"),
    ],
)
def test_a_broken_table_of_prices_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "prices.yaml").write_text(text)
    with pytest.raises(InputError, match=message):
        read_prices(tmp_path / "prices.yaml")


HAVE = {
    "sorted() without key": ["y = sorted(x)", "x.sort()", "x.sort(reverse=True)"],
    "/ for //": ["y = x / 2", "y = len(x) / n", "y = 1 / n", "y = sum(x) / k"],
    "int(x / y)": ["y = int(x / z)"],
    "(a + b) / 2": ["m = (a + b) / 2"],
    "/ 2 in binary search": ["while low <= high:\n    mid = (low + high) / 2"],
    ".remove() in a loop": ["for y in x:\n    if y:\n        x.remove(y)"],
    "while len()": ["while len(x) > 0:\n    x.pop()", "while len(x):\n    x.pop()"],
    "large numbers": ["m = 10**9 + 7", "m = 1000000007", "x = 2 ** 64"],
    "range(len(x) - 1)": ["for i in range(len(x) - 1): pass", "for i in range(1, len(x) - 1): pass"],
}
HAVE_NOT = {
    "sorted() without key": ["y = sorted(x, key=len)", "x.sort(key=f)"],
    "/ for //": ["y = x // 2", "y = x / z", "y = x / 2.0"],
    "int(x / y)": ["y = int(x // z)", "y = int(x)"],
    "(a + b) / 2": ["m = (a + b) // 2", "m = (a - b) / 2"],
    "/ 2 in binary search": ["while low <= high:\n    mid = (low + high) // 2", "while True:\n    x = x / 2"],
    ".remove() in a loop": ["for y in x[:]:\n    x.remove(y)", "x.remove(1)", "for y in x:\n    z.remove(y)"],
    "while len()": ["while x:\n    n = len(x)"],
    "large numbers": ["m = 10**6", "m = 999999999", "x = y ** 64"],
    "range(len(x) - 1)": ["for i in range(len(x)): pass", "for i in range(n - 1): pass"],
}


@pytest.mark.parametrize("name", PATTERNS)
def test_a_pattern_is_found_where_it_is_and_nowhere_else(name: str) -> None:
    for program in HAVE[name]:
        assert name in patterns_of(program), program
    for program in HAVE_NOT[name]:
        assert name not in patterns_of(program), program


@pytest.mark.parametrize("program", ["def", "(" * 5000, "x = '\0'", ""])
def test_a_program_that_does_not_parse_has_no_pattern(program: str) -> None:
    assert patterns_of(program) == frozenset()


def ranked(*programs: tuple[str, bool]) -> Case:
    """Candidates, best-scored first: (source, whether it passes)."""
    return Case(
        task_id="t",
        programs=[source for source, _ in programs],
        copies=[1] * len(programs),
        keys=list(range(len(programs))),
        passed=[passed for _, passed in programs],
        kept=[True] * len(programs),
        scores=[-float(place) for place in range(len(programs))],
    )


def test_where_removed_programs_stood_by_hand() -> None:
    one = ranked(("a = 1", True), ("a = 2", False), ("a = 3", False), ("a = 4", True))
    other = ranked(("a = 1", False), ("a = 2", False))
    found = removed_ranks("tests<=1", [one, other], [[True, False, True, False], [False, False]])
    assert found is not None
    assert found.mean_removed == 2.0
    assert found.mean_rank == pytest.approx((3.0 + 1.5) / 2)
    assert found.best_rank == pytest.approx((2 + 1) / 2)
    assert found.removed_frac == pytest.approx(4 / 6)
    assert found.all_removed_frac == 0.5
    assert sorted(found.shares) == pytest.approx([0.25, 0.375, 0.75, 0.875])
    assert removed_ranks("lint", [one], [[True] * 4]) is None


def test_a_pattern_of_overrated_programs_is_enriched() -> None:
    cases, kept = [], []
    for number in range(10):
        cases.append(ranked((f"y = sorted(x); n = {number}", False), (f"y = sorted(x, key=k); n = {number}", True)))
        kept.append([False, True])
    [first, *rest] = enrichments(cases, kept)
    assert first.pattern == "sorted() without key"
    assert (first.in_overrated, first.in_correct, first.num_overrated) == (1.0, 0.0, 10)
    assert first.ratio == float("inf")
    assert (first.difference.mean, first.difference.low) == (1.0, 1.0)
    assert all(row.difference.mean == 0.0 for row in rest)


def test_a_pattern_of_hard_problems_is_not_enriched_within_problems() -> None:
    """Hard problems have it in every program, easy ones in none; overrated programs are those of the hard ones."""
    hard = ranked(*((f"y = sorted(x); n = {i}", i == 5) for i in range(6)))
    easy = ranked(*((f"y = x; n = {i}", i > 0) for i in range(6)))
    kept = [[False] * 5 + [True], [False] + [True] * 5]
    found = {row.pattern: row for row in enrichments([hard, easy] * 5, kept * 5)}["sorted() without key"]
    assert found.ratio > 3
    assert found.difference.mean == 0.0


def test_every_filter_meets_every_ranker() -> None:
    recipes = grid(["none", "lint", "tests<=1"], ["a", "b"], ["certified"], processes=True)
    assert len({recipe.key for recipe in recipes}) == len(recipes)
    rows = {(recipe.filter, ranker, recipe.orm) for recipe in recipes for ranker in recipe.rankers}
    for word in ("none", "lint", "tests<=1"):
        assert {(word, "random", None), (word, "majority", None), (word, "orm", "a"), (word, "orm", "b")} <= rows
    assert {("none", "full", None), ("lint", "full", None), ("lint", "tests", None)} <= rows
    assert Recipe(mode="processes") in recipes


def test_processes_judge_all_kinds_of_tests() -> None:
    call = Problem(
        task_id="c", entry_point="f", tests=(CallTest((2,), expected=4), CallTest((3,), {}, 9, "result == expected"))
    )
    stdio = Problem(task_id="s", tests=(StdioTest("3\n", "9\n"), StdioTest("2\n", "4\n")))
    statements = Problem(
        task_id="a", entry_point="f", setup="import math", tests=(AssertTest("assert f(3) == math.pow(3, 2)"),)
    )
    right, wrong, hangs = "def f(x): return x * x", "def f(x): return x + x", "while True: pass"
    problems = [call] * 4 + [stdio] * 3 + [statements] * 2
    script = "n = int(input())\nprint({})"
    programs = [right, wrong, hangs, None, script.format("n * n"), script.format("n + 6"), "1/0", right, wrong]
    assert run_in_processes(problems, programs, 2, 1.0) == [True, False, False, False, True, False, False, True, False]
