"""Asserts to call tests: what converts, what must not, and that the meaning stays."""

from __future__ import annotations

import ast
import copy
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staged_reward.asserts import CHECK_NAMES, bound_names, convert_assert, is_vacuous, run_check, validate_check
from staged_reward.checks import EQUAL
from staged_reward.errors import InputError
from staged_reward.problem import CallTest


def convert(source: str, entry_point: str = "f", **options) -> CallTest:
    test = convert_assert(source, entry_point, **options)
    assert test is not None, source
    return test


def passes(test: CallTest, function) -> bool:
    result = function(*copy.deepcopy(test.args), **copy.deepcopy(dict(test.kwargs)))
    return run_check(validate_check(test.check), result, test.expected)


# -- arguments and expected values -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("3 * 19", 57),
        ("2.0 / 3.0", 2.0 / 3.0),
        ("10**5", 100_000),
        ("-(-4)", 4),
        ("(not 0)", True),
        ("7 // 2 % 2", 1),
        ("1 << 4 | 1", 17),
        ("1 + 2j", 1 + 2j),
        ("[0] * 3 + [1]", [0, 0, 0, 1]),
        ("'a' * 3", "aaa"),
        ("b'xy'", b"xy"),
        ("{1: (2, [3])}", {1: (2, [3])}),
        ("set()", set()),
        ("frozenset([1, 1])", frozenset({1})),
        ("dict(a=1)", {"a": 1}),
        ("float('-inf')", -math.inf),
        ("math.pi", math.pi),
        ("range(2, 5)", range(2, 5)),
        ("list(range(3))", [0, 1, 2]),
        ("[*range(2), 5]", [0, 1, 5]),
        ("[int, str]", [int, str]),
        ("sorted([2, 1])", [1, 2]),
        ("None", None),
    ],
)
def test_plain_data_folds_on_both_sides(source: str, value: object) -> None:
    test = convert(f"assert f({source}, key={source}) == {source}")
    assert test == CallTest((value,), {"key": value}, value, EQUAL)
    assert type(test.expected) is type(value)


@pytest.mark.parametrize(
    "argument",
    [
        "x",
        "f(1)",
        "lambda n: n",
        "[i for i in range(3)]",
        "10 ** 10 ** 8",
        "1 << 10**9",
        "'a' * 10**9",
        "list(range(10**9))",
        "sum(range(10**9))",
        "[[0]] * 2",
        "((0,) * 9,) * 9",
        "bytes(10**9)",
        "'%9999999d' % 1",
        "1 / 0",
        "{[]: 1}",
        "float('x')",
        "math.nan",
        "...",
        "{**{}}",
        "open('/etc/passwd')",
    ],
)
def test_other_arguments_do_not_convert(argument: str) -> None:
    assert convert_assert(f"assert f({argument}) == 1", "f") is None


def test_star_arguments_of_plain_data_are_unpacked() -> None:
    test = convert("assert f(*[1, 2], **{'k': 3}) == 4")
    assert (test.args, test.kwargs) == ((1, 2), {"k": 3})


@pytest.mark.parametrize("call", ["f(a=1, **{'a': 2})", "f(**{1: 2})", "f(**[1])", "f(*5)"])
def test_broken_unpacking_does_not_convert(call: str) -> None:
    assert convert_assert(f"assert {call} == 1", "f") is None


def test_expected_may_stand_first_and_messages_are_dropped() -> None:
    assert convert("assert [1] == f(2), 'no'") == CallTest((2,), {}, [1], EQUAL)


# -- checks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("assertion", "check"),
    [
        ("f(1)", "result"),
        ("not f(1)", "not result"),
        ("f(1) is True", "result is True"),
        ("f(1) is not None", "result is not None"),
        ("None is f(1)", "None is result"),
        ("f(1) != 3", "result != 3"),
        ("abs(f(1) - 0.33) < 1e-6", "abs(result - 0.33) < 1e-06"),
        ("math.isclose(f(1), 0.5, rel_tol=1e-3)", "math.isclose(result, 0.5, rel_tol=0.001)"),
        ("round(f(1), 2) == 1.5", "round(result, 2) == 1.5"),
        ("sorted(f(1)) == [1, 2]", "sorted(result) == [1, 2]"),
        ("set(f(1)) == {1}", "set(result) == {1}"),
        ("int(f(1)) == 35", "int(result) == 35"),
        ("f(1)[0] == 5", "result[0] == 5"),
        ("f(1)[:2] == [5]", "result[:2] == [5]"),
        ("isinstance(f(1), (list, tuple))", "isinstance(result, (list, tuple))"),
        ("type(f(1)) is int", "type(result) is int"),
        ("f(1) in (1, 2)", "result in (1, 2)"),
        ("1 < f(1) < 3", "1 < result < 3"),
        ("f(1) and 3 > 2", "result and 3 > 2"),
        ("f(1).lower().strip() == 'a'", "result.lower().strip() == 'a'"),
        ("all(x > 0 for x in f(1))", "all((x > 0 for x in result))"),
        ("f(1) * 0.5 == 1", "result * 0.5 == 1"),
        ("15 % f(1) == 0", "15 % result == 0"),
        ("f(1) == [i for i in range(3)]", "result == [i for i in range(3)]"),
    ],
)
def test_the_rest_of_the_assert_becomes_the_check(assertion: str, check: str) -> None:
    assert convert(f"assert {assertion}") == CallTest((1,), {}, None, check)


@pytest.mark.parametrize(
    "assertion",
    [
        "True",  # no call
        "f(1) == f(2)",
        "f(f(1)) == 2",
        "apply(f, 1) == 2",
        "g(f(1)) == 2",
        "f(1) == result",  # a name of the test, not of the check
        "expected == f(1)",
        "f(1) == other",
        "f",
        "f.cache == {}",
        "True or f(1)",  # the call might not run
        "0 > 1 > f(1)",
        "f(1) if False else True",
        "True if True else f(1)",
        "[f(1) for _ in range(0)] == []",  # or run more than once
        "[0 for _ in range(3) if f(1)] == []",
        "(lambda: f(1))",
        "(x := f(1)) == 2",
        "f(1) is 5",  # identity of what is copied
        "f(1)(2) == 3",  # a result that is not data
        "f(1).__class__ is int",
        "f(1).pop() == 3",
        "next(f(1)) == 3",
        "f'{f(1)}' == '3'",
        "f(1) ** 9999 == 1",  # a hostile result could grow
        "f(1) * 10**9 == 1",
        "f(1) % 2 == 0",
        "list(range(f(1))) == []",
        "math.factorial(f(1)) == 6",
        "math.nan == f(1)",
    ],
)
def test_everything_else_stays_an_assert(assertion: str) -> None:
    assert convert_assert(f"assert {assertion}", "f") is None


def test_more_than_one_statement_is_left_alone() -> None:
    assert convert_assert("assert f(1) == 2\nassert f(2) == 3", "f") is None
    assert convert_assert("f(1)", "f") is None


@pytest.mark.parametrize("source", ["assert f(", "assert f('\0')", "assert " + "(" * 10_000, "assert f('\ud800') == 1"])
def test_source_that_does_not_parse_is_the_users_error(source: str) -> None:
    with pytest.raises(InputError, match="does not parse"):
        convert_assert(source, "f")


def test_deep_expressions_are_left_alone() -> None:
    assert convert_assert("assert f(1) == " + "+".join("1" * 900), "f") is None


def test_odd_escapes_warn_nobody() -> None:
    assert convert(r"assert f('\d') == '\d'").expected == "\\d"


# -- names -----------------------------------------------------------------------------------------------------------


def test_aliases_are_the_entry_point_too() -> None:
    assert convert("assert candidate(1) == 2").args == (1,)
    assert convert_assert("assert candidate(1) == 2", "f", aliases=()) is None
    assert convert_assert("assert candidate(1) == f(2)", "f") is None


@pytest.mark.parametrize("entry_point", ["Solution().two_sum", "Solution.two_sum"])
def test_methods_are_entry_points(entry_point: str) -> None:
    assert convert(f"assert {entry_point}([2, 7], 9) == [0, 1]", entry_point).args == ([2, 7], 9)
    assert convert_assert("assert Solution(1).two_sum([2, 7], 9) == 3", entry_point) is None


def test_an_entry_point_may_have_the_name_of_a_builtin() -> None:
    assert convert("assert sum(10, 15) == 6", "sum") == CallTest((10, 15), {}, 6, EQUAL)
    assert convert_assert("assert sum(10, 15) == sum([1, 2, 3])", "sum") is None
    assert convert_assert("assert sorted(sum(10, 15), key=sum) == []", "sum") is None


def test_instances_are_not_plain_data() -> None:
    assert convert_assert("assert Stack([1]).count(1) == 1", "Stack") is None
    assert convert_assert("assert len(Stack([1])) == 1", "Stack") is None
    assert convert("assert Split([1]) == [1]", "Split").expected == [1]
    assert convert("assert len(Find_Max([1])) == 1", "Find_Max").check == "len(result) == 1"


@pytest.mark.parametrize("bound", [{"f"}, {"sorted"}, {"*"}])
def test_names_bound_before_by_the_test_block_conversion(bound: set[str]) -> None:
    assert convert_assert("assert sorted(f(1)) == [1]", "f", bound=bound) is None
    assert convert("assert sorted(f(1)) == [1]", bound={"other"})


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("a, *b = 1, 2", {"a", "b"}),
        ("import os.path, numpy as np, math", {"os", "np"}),
        ("import math as m\nfrom math import *", {"m", "*"}),
        ("for i in x:\n    with y as z: pass", {"i", "z"}),
        ("def g(a):\n    global h\n    b = 1", {"g", "h"}),
        ("c = [i for i in range(3)]", {"c"}),
        ("try: pass\nexcept E as e: pass", {"e"}),
        ("match x:\n    case {'k': v, **r}: pass\n    case [*s]: pass", {"v", "r", "s"}),
        ("print(w := 3)\ndel q", {"w", "q"}),
        ("lst[0] = 1", set()),
    ],
)
def test_bound_names_follow_scopes(source: str, names: set[str]) -> None:
    assert bound_names(ast.parse(source).body) == names


@pytest.mark.parametrize(("source", "vacuous"), [("True, 'x'", True), ("1", True), ("False", False), ("f(1)", False)])
def test_vacuous_asserts_cannot_fail(source: str, vacuous: bool) -> None:
    assert is_vacuous(ast.parse(f"assert {source}").body[0]) is vacuous


# -- meaning ---------------------------------------------------------------------------------------------------------

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.complex_numbers(allow_nan=False)
)
keys = st.booleans() | st.integers() | st.text(max_size=3)
plain = st.recursive(
    scalars | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3)
    | st.lists(inner, max_size=3).map(tuple)
    | st.dictionaries(keys, inner, max_size=3)
    | st.sets(keys, max_size=3),
    max_leaves=6,
)
TEMPLATES = [
    "f({args}) == {value}",
    "{value} == f({args})",
    "f({args}) != {value}",
    "f({args})",
    "not f({args})",
    "f({args}) is None",
    "f({args}) is True",
    "f({args}) in [{value}, 1]",
    "abs(f({args}) - {value}) < 1e-6",
    "sorted(f({args})) == {value}",
    "tuple(f({args})) == {value}",
    "set(f({args})) == {value}",
    "len(f({args})) == {value}",
    "round(f({args}), 1) == {value}",
    "f({args})[0] == {value}",
    "isinstance(f({args}), (int, dict))",
    "0 <= f({args}) < {value}",
    "f({args}).strip() == {value}",
    "[x for x in f({args})] == {value}",
    "f({args}) and 1 < 2",
]


def outcome(run) -> str:
    try:
        return "pass" if run() else "fail"
    except AssertionError:
        return "fail"
    except (TypeError, ValueError, AttributeError, LookupError, ArithmeticError) as error:
        return type(error).__name__


@given(
    st.sampled_from(TEMPLATES),
    st.lists(plain, max_size=3),
    st.dictionaries(st.sampled_from("abc"), plain, max_size=2),
    plain,
    st.data(),
)
def test_a_converted_assert_means_what_it_meant(template: str, args: list, kwargs: dict, value: object, data) -> None:
    returned = data.draw(st.just(value) | plain)
    written = ", ".join([*map(source_of, args), *(f"{key}={source_of(item)}" for key, item in kwargs.items())])
    source = "assert " + template.format(args=written, value=source_of(value))
    received = []

    def stub(*args: object, **kwargs: object) -> object:
        received.append((args, kwargs))
        return returned

    original = outcome(lambda: exec(source, {"f": stub}) or True)
    converted = outcome(lambda: passes(convert(source), stub))
    assert converted == original
    assert received[0] == received[1]
    assert sorted(repr(received[0])) == sorted(repr(received[1]))  # the same types, sets in any order


def source_of(value: object) -> str:
    """Like repr, for values whose repr is no literal: infinities, also inside complex numbers."""
    if isinstance(value, complex):
        return f"complex({source_of(value.real)}, {source_of(value.imag)})"
    if isinstance(value, float):
        return f"float({str(value)!r})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{source_of(key)}: {source_of(item)}" for key, item in value.items()) + "}"
    if isinstance(value, tuple):
        return "(" + "".join(f"{source_of(item)}, " for item in value) + ")"
    if isinstance(value, list):
        return "[" + ", ".join(map(source_of, value)) + "]"
    return repr(value)


# -- the language of checks ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("check", "message"),
    [
        ("resultt == 1", "name 'resultt' is not available; did you mean 'result'"),
        ("open('x')", "name 'open'"),
        ("__import__('os')", "name '__import__'"),
        ("result.__class__", "attribute '__class__'"),
        ("math.__loader__", "'math.__loader__'"),
        ("(lambda: 1)()", "lambda|Lambda"),
        ("(result := 1)", "NamedExpr"),
        ("[x async for x in result]", "async|not a Python expression"),
        ("f'{result:999999999}'", "JoinedStr"),
        ("result * 10**9", "huge"),
        ("[result] * 10**9", "huge"),
        ("[x ** x for x in result]", "huge"),
        ("range(result)", "'range' needs constant"),
        ("bytes(result)", "'bytes' needs constant"),
        ("type('X', (), {})", "'type' takes one"),
        ("result(1)", "no function of checks"),
        ("[len(1) for len in result]", "cannot be bound"),
        ("result is 5", "`is` needs"),
        ("result == ...", "not available"),
        ("x = 1", "not a Python expression"),
        ("", "not a Python expression"),
        ("result == '\0'", "not a Python expression"),
        ("(" * 10_000, "not a Python expression"),
        ("[x for x in result] == x", "name 'x'"),
    ],
)
def test_checks_outside_the_language_are_refused(check: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        validate_check(check)


def test_checks_see_result_expected_and_pure_builtins_only() -> None:
    code = validate_check(" sorted(result) == sorted(expected) and math.floor(max(x for x in result)) == 3 ")
    assert run_check(code, [3, 1], [1, 3])
    assert not run_check(code, [3, 1], [1, 2])
    assert not CHECK_NAMES.keys() & {
        "open",
        "eval",
        "exec",
        "getattr",
        "__import__",
        "compile",
        "input",
        "print",
        "vars",
    }


def test_values_of_a_comprehension_reach_nested_ones() -> None:
    assert run_check(validate_check("all(sum(y * 1.0 for y in x) > 0 for x in result)"), [[1], [2]], None)
