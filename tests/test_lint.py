"""The `lint` stage: what each tool removes, what it must not remove, and that programs leave no trace on each other."""

import gc
import pickle
import sys
import threading

import pytest

from staged_reward.errors import InputError
from staged_reward.problem import Problem, StageResult, Verdict
from staged_reward.stages import lint as lint_module
from staged_reward.stages.lint import Lint

PROBLEM = Problem(task_id="t")

GOOD = {
    "plain": "def f(x):\n    return x + 1\n",
    "star import": "from math import *\n\n\ndef f(x):\n    return sqrt(x)\n",
    "class": "class A:\n    def __init__(self):\n        self.x = 1\n\n    def f(self):\n        return self.x\n",
    "warnings only": "import os\n\n\ndef f(x, y=[]):\n    try:\n        return eval(x)\n    except:\n        pass\n",
    "windows line ends": "def f(x):\r\n    return x  # c\r\n",
    "byte order mark": "\ufeffdef f(x):\n    return x\n",
}
BAD = {
    "undefined name": "def f(x):\n    return y\n",
    "hidden by a pragma": "# pylint: disable=all\n# pylint: skip-file\n# ruff: noqa\ndef f(x):\n    return y  # noqa\n",
    "does not parse": "def f(x)\n    return y\n",
    "return outside": "return 1\n",
    "lone surrogate": "x = '\ud800'\n",
    "nul": "x = 1\0\n",
}


@pytest.fixture(scope="module")
def pylint() -> Lint:
    return Lint()


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("tool", ["pylint", "ruff"])
def test_good_programs_pass(name: str, tool: str, pylint: Lint) -> None:
    lint = pylint if tool == "pylint" else Lint("ruff")
    result = lint(PROBLEM, GOOD[name])
    assert (result.stage, result.verdict, result.detail) == ("lint", Verdict.PASSED, "")


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("tool", ["pylint", "ruff"])
def test_bad_programs_are_removed(name: str, tool: str, pylint: Lint) -> None:
    lint = pylint if tool == "pylint" else Lint("ruff")
    result = lint(PROBLEM, BAD[name])
    assert result.verdict is Verdict.LINT_ERROR
    assert result.detail.startswith("line ")


def test_detail_names_line_symbol_and_number(pylint: Lint) -> None:
    result = pylint(PROBLEM, "def f():\n    # c\n\n    return x\n")
    assert result.detail == "line 4: undefined-variable (E0602): Undefined variable 'x'"


def test_ruff_detail_names_line_and_rule() -> None:
    assert Lint("ruff")(PROBLEM, BAD["undefined name"]).detail == "line 2: F821: Undefined name `y`"


def test_batch_keeps_input_order() -> None:
    programs = [GOOD["plain"], BAD["undefined name"], BAD["nul"], GOOD["class"]] * 5
    expected = [Verdict.PASSED, Verdict.LINT_ERROR, Verdict.LINT_ERROR, Verdict.PASSED] * 5
    for lint in (Lint("pylint"), Lint("ruff")):
        assert [result.verdict for result in lint.check_many(programs)] == expected
        assert lint.check_many([]) == []


def test_one_program_does_not_excuse_the_next(pylint: Lint) -> None:
    probes = [
        ("import math\nmath.extra = 1\n", "import math\nprint(math.extra)\n"),
        (
            "import threading\nt = threading.Thread()\nt.extra = 1\n",
            "import threading\nprint(threading.Thread().extra)\n",
        ),
        ("def helper():\n    return 1\n", "print(helper())\n"),
        ("class math:\n    extra = 1\n", "import math\nprint(math.extra)\n"),
    ]
    for first, second in probes:
        before = pylint(PROBLEM, second)
        assert pylint(PROBLEM, first).verdict is Verdict.PASSED
        assert before.verdict is Verdict.LINT_ERROR
        assert pylint(PROBLEM, second).detail == before.detail


def test_programs_leave_nothing_in_memory(pylint: Lint) -> None:
    def num_objects() -> int:
        gc.collect()
        return len(gc.get_objects())

    def lint_some(first: int) -> None:
        for number in range(first, first + 150):
            pylint(PROBLEM, f"import math\nmath.extra_{number} = 1\n\n\ndef f_{number}(x):\n    return math.sqrt(x)\n")

    lint_some(0)
    before = num_objects()
    lint_some(1_000)
    assert num_objects() - before < 2_000


def test_nothing_is_printed(pylint: Lint, capfd: pytest.CaptureFixture[str]) -> None:
    for program in (*GOOD.values(), *BAD.values()):
        pylint(PROBLEM, program)
    Lint("ruff").check_many(list(BAD.values()))
    assert capfd.readouterr() == ("", "")


def test_a_fault_of_the_linter_removes_nothing(pylint: Lint, monkeypatch: pytest.MonkeyPatch) -> None:
    pylint(PROBLEM, "x = 1\n")

    def trip(source: str) -> list[object]:
        raise RuntimeError("tripped")

    monkeypatch.setattr(pylint._session, "messages", trip)
    result = pylint(PROBLEM, BAD["undefined name"])
    assert result.verdict is Verdict.PASSED
    assert "not linted" in result.detail


def test_a_linter_that_hangs_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lint_module, "_CPU_SECONDS", 0.2)
    lint = Lint()
    lint(PROBLEM, "x = 1\n")

    def hang(source: str) -> list[object]:
        while True:
            pass

    monkeypatch.setattr(lint._session, "messages", hang)
    results: list[StageResult] = []
    thread = threading.Thread(target=lambda: results.append(lint(PROBLEM, "x = 1\n")))
    thread.start()
    thread.join(20)
    assert results[0].verdict is Verdict.PASSED
    assert "CPU seconds" in results[0].detail


@pytest.mark.parametrize("tool", ["pylint", "ruff"])
def test_programs_too_long_to_parse_here_pass(tool: str) -> None:
    result = Lint("ruff" if tool == "ruff" else "pylint")(PROBLEM, "x = " + "(" * 1_000_000)
    assert result.verdict is Verdict.PASSED
    assert "too long" in result.detail


@pytest.mark.parametrize(
    "program", ["x = " + "-" * 9_000 + "1", "x = " + "a." * 9_000 + "a", "x = " + "1+" * 9_000 + "1"]
)
def test_deep_programs_get_a_verdict(program: str, pylint: Lint) -> None:
    assert pylint(PROBLEM, program).verdict in (Verdict.PASSED, Verdict.LINT_ERROR)


def test_lint_can_be_pickled_after_use(pylint: Lint) -> None:
    pylint(PROBLEM, "x = 1\n")
    assert pickle.loads(pickle.dumps(pylint))(PROBLEM, BAD["undefined name"]).verdict is Verdict.LINT_ERROR


def test_unknown_tool_is_an_input_error() -> None:
    with pytest.raises(InputError, match="did you mean 'pylint'"):
        Lint("pylnt")  # type: ignore[arg-type]


def test_missing_ruff_is_an_input_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ruff", None)
    with pytest.raises(InputError, match="not installed"):
        Lint("ruff")(PROBLEM, "x = 1\n")
