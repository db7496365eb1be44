"""Every mutant compiles, differs, and keeps the rest of the text; each operator does what its name says."""

from __future__ import annotations

import ast
import io
import json
import tokenize
import warnings
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staged_reward.errors import InputError
from staged_reward.examples import PROBLEMS
from staged_reward.mutation import OPERATORS, Mutant, mutate, sample_mutants

LOOP = "for x in a:\n    f(x)\n    g(x)\n"

# operator, program, every mutant in order, written by hand
EXAMPLES = [
    ("float_midpoint", "m = (a + b) // 2", ["m = (a + b) / 2"]),
    ("float_midpoint", "m = a // 2 + b // 3", []),
    ("float_search_step", "while a:\n    m = a + (b - a) // 2", ["while a:\n    m = a + (b - a) / 2"]),
    ("float_search_step", "m = n // 2", []),
    ("float_division", "q = a // (b)  # a // b", ["q = a / (b)  # a // b"]),
    ("float_division", "q //= 3", ["q /= 3"]),
    ("int_of_quotient", "q = (a - 1) // b + 1", ["q = int((a - 1) / b) + 1"]),
    ("int_of_quotient", "q //= a + b", ["q = int(q / (a + b))"]),
    ("floor_division", "q = a / b", ["q = a // b"]),
    ("float_power", "m = 10 ** 9 + 7", ["m = 1e9 + 7"]),
    ("float_power", "m = (a + b) ** c", ["m = float((a + b)) ** c"]),
    ("float_root", "r = math.isqrt(n)", ["r = int(n ** 0.5)"]),
    ("float_root", "r = isqrt(n + 1)", ["r = int((n + 1) ** 0.5)"]),
    ("unreduced_power", "r = pow(a, b - 1, m)", ["r = (a ** (b - 1) % m)"]),
    ("dropped_modulo", "r = (a * b) % m + 1", ["r = (a * b) + 1"]),
    ("dropped_modulo", "r = 'x%d' % m", []),
    ("modulo_division", "r = a % m", ["r = a // m"]),
    ("plus_minus", "r = a + b - c", ["r = a + b + c", "r = a - b - c"]),
    ("plus_minus", "r += 1", ["r -= 1"]),
    ("plus_minus", "r = s + ' '", []),
    ("power_product", "r = a ** 2", ["r = a * 2"]),
    ("bitwise", "r = a & b << 1", ["r = a | b << 1", "r = a & b >> 1"]),
    ("swapped_operands", "r = (a + b) // c", ["r = c // (a + b)"]),
    ("swapped_operands", "r = a - b - f(c)", ["r = f(c) - (a - b)", "r = b - a - f(c)"]),
    ("dropped_minus", "k = (-n, s)", ["k = (n, s)"]),
    ("boundary", "r = a < b <= c", ["r = a <= b <= c", "r = a < b < c"]),
    ("boundary", "r = a > b or a >= c", ["r = a >= b or a >= c", "r = a > b or a > c"]),
    ("reversed_comparison", "r = a < b", ["r = a > b"]),
    ("reversed_comparison", "r = (a) >= (b)", ["r = (a) <= (b)"]),
    ("flipped_equality", "r = a == b", ["r = a != b"]),
    ("flipped_equality", "r = a not  in b", ["r = a in b"]),
    ("flipped_equality", "r = a is None", ["r = a is not None"]),
    ("and_or", "r = a and b and c", ["r = a or b and c", "r = a and b or c"]),
    ("dropped_clause", "r = a and (b or c)", ["r = a", "r = (b or c)", "r = a and (b)", "r = a and (c)"]),
    ("negated_condition", "if a < b: f()", ["if not a < b: f()"]),
    ("negated_condition", "r = x if a or b else y", ["r = x if not (a or b) else y"]),
    ("negated_condition", "r = [x for x in a if x]", ["r = [x for x in a if not x]"]),
    ("dropped_not", "r = not a", ["r = a"]),
    ("dropped_not", "r = not(a and b)", ["r = (a and b)"]),
    ("swapped_branches", "r = (a + 1) if c else b", ["r = (b) if c else a + 1"]),
    ("elif_if", "if a:\n    f()\nelif b:\n    g()", ["if a:\n    f()\nif b:\n    g()"]),
    ("wrong_initial_value", "n = 0", ["n = 1"]),
    ("wrong_initial_value", "n = -float('inf')", ["n = 0"]),
    ("wrong_initial_value", "best = values[0]", ["best = 0"]),
    ("wrong_initial_value", "found = False", ["found = True"]),
    ("dropped_one", "r = f(a + 1, b - 1)", ["r = f(a, b - 1)", "r = f(a + 1, b)"]),
    ("constant_off_by_one", "r = a * 10", ["r = a * 11", "r = a * 9"]),
    ("constant_off_by_one", "r: Literal[3] = f'{4}'", []),
    ("flipped_boolean", "return_ = f(True)", ["return_ = f(False)"]),
    ("join_separator", "r = ', '.join(a)", ['r = ",".join(a)']),
    ("join_separator", "r = ''.join(a)", ['r = " ".join(a)']),
    ("wrong_variable", "def f(a, b):\n    return a", ["def f(a, b):\n    return b"]),
    ("wrong_variable", "def f(self, a):\n    return self.x + a", []),
    ("wrong_exception", "raise ValueError('x')", ["raise TypeError('x')"]),
    ("range_stop", "range(n)", ["range(n + 1)", "range(n - 1)"]),
    ("range_stop", "range(1, n + 1)", ["range(1, n)"]),
    ("range_start", "range(n)", ["range(1, n)"]),
    ("range_start", "range(1, n)", ["range(2, n)", "range(0, n)"]),
    ("slice_bound", "a[1:k]", ["a[2:k]", "a[0:k]", "a[1:k + 1]", "a[1:k - 1]"]),
    ("slice_bound", "a[: b << 1]", ["a[: (b << 1) + 1]", "a[: (b << 1) - 1]"]),
    ("shifted_index", "for i in range(3): a[i]", ["for i in range(3): a[i + 1]", "for i in range(3): a[i - 1]"]),
    ("shifted_index", "for k in d: d[k]", []),
    ("shifted_index", "a[-1]", ["a[0]"]),
    ("sorted_without_key", "sorted(a, key=len, reverse=True)", ["sorted(a, reverse=True)"]),
    ("sorted_without_key", "a.sort(key=lambda p: (p[1], p[0]))", ["a.sort()"]),
    ("sort_order", "sorted(a)", ["sorted(a, reverse=True)"]),
    ("sort_order", "a.sort(reverse=True)", ["a.sort()"]),
    ("dropped_sort", "sorted(x for x in a)", ["list(x for x in a)"]),
    ("dropped_sort", "sorted(a, key=len)", ["list(a)"]),
    ("swapped_arguments", "f(a, (b), *c)", ["f(b, (a), *c)"]),
    ("swapped_arguments", "isinstance(a, int)", []),
    ("missing_default", "d.get(k, 0) + 1", ["d[k] + 1"]),
    ("dropped_argument", "enumerate(a, 1)", ["enumerate(a)"]),
    ("dropped_argument", "a.pop(0)", ["a.pop()"]),
    ("min_max", "max(a, b)", ["min(a, b)"]),
    ("any_all", "any(a)", ["all(a)"]),
    ("sibling_function", "s.lower()", ["s.upper()"]),
    ("dropped_abs", "abs(a - b) * 2", ["(a - b) * 2"]),
    ("dropped_abs", "f(abs(a - b))", ["f(a - b)"]),
    ("aliased_copy", "b = list(a)", ["b = a"]),
    ("aliased_copy", "b = a[:]", ["b = a"]),
    ("aliased_copy", "b = a.copy()", ["b = a"]),
    ("dropped_conversion", "len(set(a))", ["len(a)"]),
    ("dropped_conversion", "round(a + b)[0]", ["(a + b)[0]"]),
    (
        "remove_while_iterating",
        "if c:\n    a = [x for x in a if x > 0]\n",
        [
            "if c:\n    a = list(a)\n    for x in a:\n        if not (x > 0):\n            a.remove(x)\n",
        ],
    ),
    (
        "remove_while_iterating",
        "def f(a):\n    return [x for x in a if x]",
        [
            "def f(a):\n    kept = list(a)\n    for x in kept:\n        if not (x):\n            kept.remove(x)\n"
            "    return kept",
        ],
    ),
    ("while_len", "while a:\n    a.pop()", ["while len(a) > 1:\n    a.pop()"]),
    ("while_len", LOOP, ["while len(a) > 0:\n    x = a.pop(0)\n    f(x)\n    g(x)\n"]),
    ("break_continue", "while a:\n    break", ["while a:\n    continue"]),
    (
        "early_return",
        "def f(a):\n    for x in a:\n        g(x)\n\n    return 1\n",
        ["def f(a):\n    for x in a:\n        g(x)\n\n        return 1\n"],
    ),
    ("indented_statement", LOOP + "h()\n", [LOOP + "    h()\n"]),
    ("dedented_statement", LOOP, ["for x in a:\n    f(x)\ng(x)\n"]),
    ("shared_rows", "g = [[0] * m for _ in range(n)]", ["g = [[0] * m] * n"]),
    (
        "missing_base_case",
        "def f(n):\n    if n < 2:\n        return 1\n    return n * f(n - 1)\n",
        ["def f(n):\n    return n * f(n - 1)\n"],
    ),
    ("missing_base_case", "def f(n):\n    if n < 2:\n        return 1\n    return n\n", []),
    ("dropped_guard", "for x in a:\n    if x:  # no\n        continue\n    f(x)\n", ["for x in a:\n    f(x)\n"]),
    ("dropped_statement", "n = 0\nn = 2\nf(n)\n", ["n = 0\nf(n)\n", "n = 0\nn = 2\n"]),
    ("dropped_statement", "if a:\n    f(a)", ["if a:\n    pass"]),
    ("dropped_statement", "f(a); g(b)", ["pass; g(b)", "f(a); pass"]),
    ("overwritten_total", "n += 2", ["n = 2"]),
    ("overwritten_total", "n **= 2", ["n = 2"]),
    ("sequential_assignment", "if c:\n    a, b = b, a + b\n", ["if c:\n    a = b\n    b = a + b\n"]),
]

MESSY = (
    "# -*- coding: utf-8 -*-\n"
    "import math\n\n\n"
    "def größe(werte ,faktor = 2):  # ein // Kommentar\n"
    '\t"""Never 1 < 2 here."""\n'
    "\tsumme=0 ; anzahl = len( werte )\n"
    "\tfor  wert in werte :\n"
    "\t\tif (wert) < 10 and not (  # < and\n"
    "\t\t\twert == 3 ) : summe += wert//faktor  # += //\n\n"
    "\treturn  math.floor( summe/ (anzahl+1) ) , f'{summe + 1}é'\n"
)


def examples() -> list[str]:
    return [json.loads(line)["solution"] for line in PROBLEMS.read_text(encoding="utf-8").splitlines()]


def tree(source: str) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.dump(ast.parse(source))


def changed_span(before: str, after: str) -> tuple[str, str]:
    """What lies between the longest common start and the longest common end."""
    start = next(
        (i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), min(len(before), len(after))
    )
    rest = zip(reversed(before[start:]), reversed(after[start:]), strict=False)
    tail = next((i for i, (a, b) in enumerate(rest) if a != b), min(len(before), len(after)) - start)
    return before[start : len(before) - tail], after[start : len(after) - tail]


def comments(source: str) -> Counter[str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return Counter(token.string for token in tokens if token.type == tokenize.COMMENT)


@pytest.mark.parametrize(("operator", "source", "expected"), EXAMPLES)
def test_operator_makes_exactly_the_mutants_written_by_hand(operator: str, source: str, expected: list[str]) -> None:
    assert [mutant.source for mutant in mutate(source, operators=[operator])] == expected


def test_every_operator_has_an_example_and_a_description() -> None:
    assert {operator for operator, _, expected in EXAMPLES if expected} == set(OPERATORS)
    assert all(operator.__doc__ for operator in OPERATORS.values())


@pytest.mark.parametrize("source", [*examples(), MESSY, MESSY.replace("\n", "\r\n")])
def test_mutants_compile_and_are_all_distinct_programs(source: str) -> None:
    trees = [tree(mutant.source) for mutant in mutate(source)]
    assert len(trees) > 5
    assert len(set(trees) | {tree(source)}) == len(trees) + 1


@pytest.mark.parametrize("source", [*examples(), MESSY])
def test_mutants_keep_the_lines_before_the_site(source: str) -> None:
    for mutant in mutate(source):
        before, after = source.splitlines(), mutant.source.splitlines()
        assert before[: mutant.line - 1] == after[: mutant.line - 1]
        assert mutant.operator in OPERATORS


def test_mutants_keep_comments_and_odd_formatting() -> None:
    removing = {"dropped_statement", "dropped_clause", "while_len"}
    for mutant in mutate(MESSY):
        assert mutant.operator in removing or comments(mutant.source) == comments(MESSY), mutant
        removed, added = changed_span(MESSY, mutant.source)
        assert len(removed) < 60, mutant
        assert len(added) < 60, mutant


def test_windows_line_ends_are_kept() -> None:
    for mutant in mutate(MESSY.replace("\n", "\r\n")):
        assert "\n" not in mutant.source.replace("\r\n", ""), mutant


def test_characters_outside_ascii_do_not_shift_the_site() -> None:
    assert next(mutate("é = 'ü' if ä < 1 else ö", operators=["boundary"])).source == "é = 'ü' if ä <= 1 else ö"


def test_docstrings_annotations_and_the_main_guard_are_left_alone() -> None:
    source = '"""1 < 2"""\nx: "a < b"\nif __name__ == "__main__":\n    f()\n'
    assert [m.source.splitlines()[3] for m in mutate(source)] == ["    pass"]


def test_one_program_comes_once_with_its_most_specific_operator() -> None:
    mutants = list(mutate("m = (a + b) // 2"))
    assert [m.operator for m in mutants if m.source == "m = (a + b) / 2"] == ["float_midpoint"]


def test_order_is_the_same_in_every_run() -> None:
    assert list(mutate(MESSY)) == list(mutate(MESSY))


def test_sample_depends_on_the_seed_alone() -> None:
    assert sample_mutants(MESSY, 8, seed=1) == sample_mutants(MESSY, 8, seed=1)
    assert sample_mutants(MESSY, 8, seed=1) != sample_mutants(MESSY, 8, seed=2)


def test_sample_spreads_over_operators() -> None:
    assert len({mutant.operator for mutant in sample_mutants(MESSY, 10, seed=0)}) == 10


def test_sample_of_more_than_there_are_is_all() -> None:
    drawn = sample_mutants("n = 0", 50, seed=0)
    assert sorted(m.source for m in drawn) == ["n = -1", "n = 1"]
    assert Mutant("n = 1", "wrong_initial_value", 1) in drawn


def test_unknown_operator_names_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'boundary'"):
        mutate("n = 0", operators=["boundry"])


@pytest.mark.parametrize("source", ["def f(:", "x = '\0'", "(" * 5000])
def test_program_that_does_not_parse_is_an_input_error(source: str) -> None:
    with pytest.raises(InputError, match="does not parse"):
        mutate(source)


EXPRESSIONS = st.recursive(
    st.sampled_from(["a", "b[i]", "1", "f(x)", "-y", "'é'", "(not z)"]),
    lambda inner: st.builds(
        lambda left, op, right, space: f"({left}{space}{op}{space}{right})",
        inner,
        st.sampled_from(["+", "-", "*", "//", "%", "**", "<", "==", " and ", " or ", " in ", " is not "]),
        inner,
        st.sampled_from(["", " ", "  ", " # or //\n "]),
    ),
    max_leaves=8,
)


@given(EXPRESSIONS)
def test_any_expression_gives_mutants_that_compile_and_differ(expression: str) -> None:
    source = f"value = {expression}  # kept\nlast = 1\n"
    for mutant in mutate(source):
        assert tree(mutant.source) != tree(source)
        assert mutant.source.splitlines()[-1].startswith("last = ")
