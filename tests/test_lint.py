"""The `lint` stage: what each tool removes, what it must not remove, and that programs leave no trace on each other."""

import gc
import pickle
import sys
import threading
import time
import tracemalloc

import astroid
import pytest
from astroid.manager import AstroidManager

from staged_reward.errors import InputError
from staged_reward.problem import Problem, StageResult, Verdict
from staged_reward.stages import lint as lint_module
from staged_reward.stages import modules, ruff_batch
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

    def lint_failing(first: int) -> None:
        for number in range(first, first + 150):
            pylint(
                PROBLEM, f"import absent_{number}\nimport os.absent_{number}\n\n\ndef f_{number}(x):\n    return [x]\n"
            )

    lint_some(0)
    lint_failing(0)
    before = num_objects()
    lint_some(1_000)
    lint_failing(1_000)
    assert num_objects() - before < 2_000


OPAQUE = {
    "any attribute": "import hypothesis as h\nprint(h.no_such_thing(1, k=2).foo[0])\nh()\nfor x in h.y:\n    x()\n",
    "any name": "from hypothesis import no_such_thing\nwith no_such_thing(1) as f:\n    f.g()\n",
    "submodule": "import hypothesis.strategies\nhypothesis.strategies.no_such_strategy().foo\n",
    "base class": "from hypothesis import no\n\n\nclass A(no.B):\n    def f(cls):\n        return cls.x\n\n\nA(1).y\n",
    "metaclass": "import hypothesis as h\n\n\nclass A(metaclass=h.M):\n    def f(cls):\n        return 1\n\n\nA.x\nA[0]\n",
    "decorator": "import hypothesis as h\n\n\n@h.command(1)\ndef f(x):\n    return x\n\n\nf()\nf.foo\n",
    "overloads": "from hypothesis import o\n\n\n@o(int)\ndef f(x):\n    return x\n\n\n@o(str)\ndef f(x):\n    return x\n",
    "star": "from hypothesis import *\n\nprint(undefined_name, sum([1]).foo)\n",
    "assigned": "import hypothesis\n\nhypothesis.foo = 1\nprint(hypothesis.foo.bar)\n",
    "in a function": "def f():\n    import hypothesis\n\n    return hypothesis.x.y\n\n\nprint(f().z)\n",
    "absent, with a fallback": "try:\n    import not_installed as n\nexcept ImportError:\n    n = None\nprint(n)\n",
}


@pytest.mark.parametrize("name", OPAQUE)
def test_nothing_is_known_of_third_party_modules(name: str, pylint: Lint) -> None:
    result = pylint(PROBLEM, OPAQUE[name])
    assert (result.verdict, result.detail) == (Verdict.PASSED, "")


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("import not_installed\n", "import-error"),
        ("import hypothesis.no_such_submodule\n", "import-error"),
        ("from hypothesis.no_such_submodule import x\n", "import-error"),
        ("from hypothesis import *\nimport not_installed\n", "import-error"),
        ("import hypothesis as h\nprint(k.given)\n", "undefined-variable"),
        ("import hypothesis\n\n\ndef f():\n    return 1\n\n\nf(2)\n", "too-many-function-args"),
        ("from math import no_such_name\n", "no-name-in-module"),
        ("import math\nmath.no_such_name\n", "no-member"),
    ],
)
def test_what_is_certainly_wrong_beside_a_third_party_module_is_found(program: str, reason: str, pylint: Lint) -> None:
    assert reason in pylint(PROBLEM, program).detail


def test_third_party_modules_are_not_parsed(pylint: Lint) -> None:
    pylint(
        PROBLEM, "import hypothesis\nfrom hypothesis.strategies import integers\nprint(integers(1).map(hypothesis.x))\n"
    )
    assert not [name for name in AstroidManager().astroid_cache if name.startswith("hypothesis")]


def doubling(first: str, rule: str) -> str:
    lines = [f"a{number} = {rule.replace('?', f'a{number - 1}')}" for number in range(1, 40)]
    return "\n".join((f"a0 = {first}", *lines, "print(a39.no_such_attribute)", ""))


LARGE = {
    "list": "x = [0] * 10**8\nprint(x[5].foo)\n",
    "tuple": "x = (0,) * 99999999\nprint(x[5].foo)\n",
    "text": "x = 'a' * 99999999\nprint(x.foo)\n",
    "old field": "x = '%99999999d' % 1\nprint(x.foo)\n",
    "field": "x = f'{1:99999999d}' + '{:99999999}'.format(1)\nprint(x.foo)\n",
    "integer": "x = 1 << 99999999\ny = x * x\nprint((7**99999 * y).foo)\n",
    "in a loop": "x = [1]\nfor i in range(9):\n    x *= 10**7\nprint(x[1].foo)\n",
    "text, doubled": doubling("'aaaaaaaa'", "? + ?"),
    "list, doubled": doubling("[1, 2, 3]", "? + ?"),
    "list, unpacked": doubling("[1, 2, 3]", "[*?, *?]"),
    "f-string": doubling("'aaaaaaaa'", "f'{?}{?}'"),
    "old template": doubling("'aaaaaaaa'", "'%s%s' % (?, ?)"),
    "template": doubling("'aaaaaaaa'", "'{0}{0}'.format(?)"),
}


@pytest.mark.parametrize("name", LARGE)
def test_large_values_take_little_memory_and_time(name: str, pylint: Lint) -> None:
    pylint(PROBLEM, "print(f'{1}')\n")
    start = time.process_time()
    tracemalloc.start()
    try:
        pylint(PROBLEM, LARGE[name])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 60 << 20
    assert time.process_time() - start < 8


def test_importing_very_many_modules_is_not_linted(pylint: Lint) -> None:
    names = sorted(name for name in sys.stdlib_module_names if not name.startswith("_"))[:60]
    result = pylint(PROBLEM, "".join(f"import {name}\n" for name in names) + "print(undefined)\n")
    assert result.verdict is Verdict.PASSED
    assert "TooManyImports" in result.detail


def test_cached_modules_are_bounded_and_verdicts_stay_the_same(pylint: Lint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modules, "_MAX_CHARS", 150_000)
    monkeypatch.setattr(modules, "_KEPT_CHARS", 100_000)
    cache = AstroidManager().astroid_cache
    for name in ["json", "heapq", "bisect", "string", "textwrap", "copy", "queue", "calendar"] * 2:
        assert "no-member" in pylint(PROBLEM, f"import {name}\nprint({name}.no_such_name)\n").detail
        assert "builtins" in cache
        assert sum(modules._count_chars(module) for module in cache.values()) < 400_000


def test_another_user_of_pylint_is_left_alone(pylint: Lint) -> None:
    pylint(PROBLEM, "x = 1\n")
    (value,) = astroid.extract_node("'a' * 20_000").infer()
    assert len(value.value) == 20_000
    assert next(astroid.extract_node("[0] * 20_000").infer()).elts
    module = astroid.parse("def f(): pass")
    assert module.body[0].position is not None


def test_a_fault_costs_nothing_but_a_restart(pylint: Lint, monkeypatch: pytest.MonkeyPatch) -> None:
    def trip(source: str) -> list[object]:
        raise RecursionError

    pylint(PROBLEM, "x = 1\n")
    monkeypatch.setattr(pylint._session, "messages", trip)
    assert "RecursionError" in pylint(PROBLEM, "x = 1\n").detail
    assert pylint(PROBLEM, BAD["undefined name"]).verdict is Verdict.LINT_ERROR


def test_growing_memory_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lint_module, "_GROWTH_MIB", 32)
    lint = Lint()
    lint(PROBLEM, "x = 1\n")

    def grow(source: str) -> list[object]:
        kept: list[bytearray] = []
        while True:
            kept.append(bytearray(b"x" * 100_000))
            time.sleep(0.001)

    monkeypatch.setattr(lint._session, "messages", grow)
    result = lint(PROBLEM, "x = 1\n")
    assert result.verdict is Verdict.PASSED
    assert "MiB" in result.detail


def test_words_that_gate_checks_open_them(pylint: Lint) -> None:
    programs = {
        "import os\nos.getenv(1)\n": "invalid-envvar-value",
        "'{} {}'.format(1)\n": "too-few-format-args",
        "'a'.strip('aa')\n": "bad-str-strip-call",
        "import logging\nlogging.info('%s %s', 1)\n": "logging-too-few-args",
        "from dataclasses import field\nx = field()\n": "invalid-field-call",
        "from collections.abc import Sized\nSized()\n": "abstract-class-instantiated",
        "def f():\n    print(x)\n    global x\n    x = 1\n": "used-prior-global-declaration",
        "def f():\n    global x\n    nonlocal x\n": "nonlocal-and-global",
        "reversed({1, 2})\n": "bad-reversed-sequence",
        "print('{}').format(1)\n": "misplaced-format-function",
        "def f(x, /):\n    return x\n\n\nf(x=1)\n": "positional-only-arguments-expected",
        "isinstance(1)\n": "no-value-for-parameter",
        "x = '\u202e'\n": "bidirectional-unicode",
    }
    for program, symbol in programs.items():
        pylint(PROBLEM, "x = 1\n")
        assert pylint._session is not None
        assert symbol in {finding.symbol for finding in pylint._session.messages(program)}, program


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


def test_a_parser_that_runs_out_of_stack_removes_nothing(pylint: Lint) -> None:
    result = pylint(PROBLEM, "x = " + "-" * 9_000 + "1")
    assert (result.verdict, result.detail) == (
        Verdict.PASSED,
        "not linted: pylint failed on this program (MemoryError)",
    )


def test_lint_can_be_pickled_after_use(pylint: Lint) -> None:
    pylint(PROBLEM, "x = 1\n")
    assert pickle.loads(pickle.dumps(pylint))(PROBLEM, BAD["undefined name"]).verdict is Verdict.LINT_ERROR


def test_unknown_tool_is_an_input_error() -> None:
    with pytest.raises(InputError, match="did you mean 'pylint'"):
        Lint("pylnt")  # type: ignore[arg-type]


def test_missing_ruff_is_an_input_error(monkeypatch: pytest.MonkeyPatch) -> None:
    ruff_batch._binary.cache_clear()
    monkeypatch.setitem(sys.modules, "ruff", None)
    with pytest.raises(InputError, match="not installed"):
        Lint("ruff")(PROBLEM, "x = 1\n")
