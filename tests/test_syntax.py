"""The `syntax` stage: verdicts on odd source, and what it leaves alone in the process that it runs in."""

import resource
import threading
import time
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staged_reward.normalise import identity
from staged_reward.problem import Problem, Verdict
from staged_reward.sandbox.compiled import compiled
from staged_reward.stages import syntax
from staged_reward.stages.syntax import check_syntax, parse_program

PROBLEM = Problem(task_id="t")

LEGAL = {
    "empty": "",
    "byte order mark": "\ufeffx = 1\n",
    "windows line ends": "def f():\r\n    return 1\r\n",
    "encoding cookie": "# -*- coding: latin-1 -*-\nx = 'é'\n",
    "unknown encoding cookie": "# coding: nonsense\nx = 1\n",
    "long line": "x = '" + "a" * 1_000_000 + "'\n",
    "many lines": "x = 1\n" * 50_000,
    "wide table": "x = [" + "1, " * 20_000 + "]\n",
    "warning": "x = '\\d'\nassert (1, 'always')\nx is 1\n",
}
ILLEGAL = {
    "missing colon": "def f()\n    pass\n",
    "nul": "x = 1\0\n",
    "lone surrogate": "x = '\ud800'\n",
    "lone surrogate, long": "x = '\ud800'\n" * 5_000,
    "nul, long": "x = '\0'\n" * 5_000,
    "10,000 parentheses": "x = " + "(" * 10_000 + ")" * 10_000,
    "attribute chain": "x = " + "a." * 50_000 + "a",
    "unary chain": "x = " + "-" * 100_000 + "1",
    "sum": "x = " + "1+" * 50_000 + "1",
    "10 MB of nothing": "(" * 10_000_000,
    "huge literal": "x = " + "9" * 5_000,
    "python 2": "print 'x'\n",
    "return outside": "return 1\n",
}


@pytest.mark.parametrize("name", LEGAL)
def test_legal_source_passes(name: str) -> None:
    result = check_syntax(PROBLEM, LEGAL[name])
    assert (result.stage, result.verdict, result.detail) == ("syntax", Verdict.PASSED, "")


@pytest.mark.parametrize("name", ILLEGAL)
def test_illegal_source_is_a_syntax_error(name: str) -> None:
    result = check_syntax(PROBLEM, ILLEGAL[name])
    assert result.verdict is Verdict.SYNTAX_ERROR
    assert result.detail
    assert "\n" not in result.detail


def nested_finally(depth: int, num_exits: int) -> str:
    source, indent = "def f(x):\n", "    "
    for _ in range(depth):
        source += f"{indent}try:\n" + f"{indent}    if x: return 0\n" * num_exits + f"{indent}finally:\n"
        indent += "    "
    return f"{source}{indent}pass\n"


MULTIPLYING = {
    "nested finally": nested_finally(14, 1),
    "finally with many exits": nested_finally(5, 30),
    "sum of repeated constants": "x = " + "+".join(['"\U0001f600"*4096'] * 1500),
    "nested lambdas": "x = " + "lambda:" * 2800 + "1",
}


@pytest.mark.parametrize("name", MULTIPLYING)
def test_source_that_multiplies_cannot_take_this_process_its_memory_or_time(name: str) -> None:
    wall, peak = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert check_syntax(PROBLEM, MULTIPLYING[name]).verdict in (Verdict.SYNTAX_ERROR, Verdict.PASSED)
    identity(MULTIPLYING[name])
    compiled(MULTIPLYING[name])
    assert time.monotonic() - wall < 15
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 100 << 10  # KiB


def test_detail_names_the_line() -> None:
    assert check_syntax(PROBLEM, "x = 1\ny = 2\nz = = 3\n").detail == "line 3: invalid syntax"
    assert check_syntax(PROBLEM, "x = 1\n" * 5_000 + "z = = 3\n").detail == "line 5001: invalid syntax"


@given(st.text())
def test_any_text_gets_a_verdict(program: str) -> None:
    assert check_syntax(PROBLEM, program).verdict in (Verdict.PASSED, Verdict.SYNTAX_ERROR)


def test_costs_are_reported() -> None:
    result = check_syntax(PROBLEM, "x = [" + "a, " * 5_000 + "]")
    assert 0 < result.cpu_seconds <= result.seconds * 1.5


def test_nothing_is_executed(tmp_path: object) -> None:
    check_syntax(PROBLEM, "raise SystemExit(3)")
    check_syntax(PROBLEM, "raise SystemExit(3)\n" * 5_000)


def test_child_and_this_process_compile_alike() -> None:
    source = "def f(x):\n    return x in {1, 'a'} and x is not 2\n"
    assert syntax._compile_in_child(source) == parse_program(source)


def test_child_that_dies_means_syntax_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syntax, "_CHILD", "import os; os.abort()")
    assert check_syntax(PROBLEM, LEGAL["many lines"]).verdict is Verdict.SYNTAX_ERROR


def test_verdict_does_not_depend_on_the_stack_of_the_caller() -> None:
    program = "x = " + "-" * 1_200 + "1"

    def deep(level: int) -> Verdict:
        return deep(level - 1) if level else check_syntax(PROBLEM, program).verdict

    assert deep(0) is deep(700)


def test_filters_that_make_errors_of_warnings_change_no_verdict() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert check_syntax(PROBLEM, LEGAL["warning"]).verdict is Verdict.PASSED


def test_warnings_of_other_code_stay_as_they_were() -> None:
    check_syntax(PROBLEM, LEGAL["warning"])
    with pytest.warns(SyntaxWarning):
        compile("x is 1", "other.py", "exec")


def test_works_in_threads_at_once() -> None:
    verdicts: list[Verdict] = []
    programs = list(LEGAL.values())[:5] * 4
    threads = [threading.Thread(target=lambda p=p: verdicts.append(check_syntax(PROBLEM, p).verdict)) for p in programs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert verdicts == [Verdict.PASSED] * len(programs)
