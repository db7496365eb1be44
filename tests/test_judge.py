"""Suites of `call` and `assert` tests: what passes, what fails and how it is said."""

# ruff: noqa: E501  a program stands on one line

import warnings
from collections.abc import Iterator
from fractions import Fraction

import pytest

from staged_reward.errors import InputError
from staged_reward.limits import Limits
from staged_reward.problem import AssertTest, CallTest, Problem, StdioTest, Test, Verdict
from staged_reward.sandbox.host import ForkServer
from staged_reward.sandbox.judge import run_suite
from staged_reward.sandbox.outcome import Outcome, short
from staged_reward.sandbox.suite import Suite

LIMITS = Limits(cpu_seconds=0.5, wall_seconds=1.0)


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    server = ForkServer()
    yield server
    server.close()


def judge(
    server: ForkServer, tests: list[Test], program: str, *, entry: str = "f", setup: str = "", count: bool = False
) -> Outcome:
    problem = Problem(task_id="t", tests=tuple(tests), entry_point=entry, setup=setup)
    return run_suite(server, Suite.of(problem), program, LIMITS, count=count)


def verdict_of_call(server: ForkServer, program: str, expected: object = None, **test: object) -> Verdict:
    return judge(server, [CallTest((3,), expected=expected, **test)], program).verdict  # type: ignore[arg-type]


def verdict_of_asserts(server: ForkServer, code: str, program: str, **options: str) -> Outcome:
    return judge(server, [AssertTest(code)], program, **options)  # type: ignore[arg-type]


# ---- call tests


def test_right_answers_pass_and_every_test_is_counted(server) -> None:
    outcome = judge(server, [CallTest((n,), expected=n * n) for n in range(50)], "def f(x): return x * x")
    assert (outcome.verdict, outcome.num_passed, outcome.num_run) == (Verdict.PASSED, 50, 50)
    assert 0 < outcome.cpu_seconds < 1


def test_first_failure_ends_the_run_unless_asked_to_count(server) -> None:
    tests = [CallTest((n,), expected=n) for n in range(6)]
    program = "def f(x):\n    if x == 4: raise KeyError('four')\n    return x if x != 2 else 0"
    outcome = judge(server, tests, program)
    assert (outcome.verdict, outcome.num_passed, outcome.num_run) == (Verdict.WRONG_ANSWER, 2, 3)
    assert outcome.detail == "f(2) returned 0; expected 2"
    outcome = judge(server, tests, program, count=True)
    assert (outcome.verdict, outcome.num_passed, outcome.num_run) == (Verdict.WRONG_ANSWER, 4, 6)


def test_process_that_ends_ends_the_count(server) -> None:
    tests = [CallTest((n,), expected=n) for n in range(6)]
    outcome = judge(server, tests, "import os\ndef f(x): return x if x < 3 else os._exit(0)", count=True)
    assert (outcome.verdict, outcome.num_run) == (Verdict.CRASHED, outcome.num_passed + 1)
    assert outcome.num_passed <= 3


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("def f(x): return [x, (x, {x: {x}})]", [3, (3, {3: {3}})]),
        ("def f(x): return x / 10", 0.3),
        ("def f(x): return True", 1),
        ("def f(x): return 2 ** 200", 2**200),
        ("def f(x): return None", None),
        ("def f(x): return {1: 2}.keys()", {1}),
        ("from fractions import Fraction\ndef f(x): return Fraction(x, 2)", Fraction(3, 2)),
        ("import numpy as np\ndef f(x): return np.arange(x)", [0, 1, 2]),
        ("import numpy as np\ndef f(x): return np.array([x, 'a'], dtype=object)", [3, "a"]),
        ("import numpy as np\ndef f(x): return np.float64(x)", 3),
        ("from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\ndef f(x): return P(x)", {"x": 3}),
        ("import typing\nclass P(typing.NamedTuple):\n    x: int\ndef f(x): return P(x)", (3,)),
        ("import enum\nclass E(enum.IntEnum):\n    A = 3\ndef f(x): return E(x)", 3),
    ],
    ids=str,
)  # fmt: skip
def test_plain_results_pass(server, program: str, expected: object) -> None:
    assert verdict_of_call(server, program, expected) is Verdict.PASSED


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("def f(x): return (1, 2)", [1, 2]),
        ("def f(x): return '3'", 3),
        ("def f(x): return float('nan')", float("nan")),
        ("def f(x): return lambda: 1", 1),
        ("def f(x): return iter([1])", [1]),
        ("def f(x):\n    a = []\n    a.append(a)\n    return a", []),
        ("class A:\n    def __eq__(self, other): return True\ndef f(x): return A()", 1),
        ("def f(x): return 10 ** 5000", 1),
        ("def f(x): print(3)", 3),
    ],
)
def test_other_results_are_wrong(server, program: str, expected: object) -> None:
    assert verdict_of_call(server, program, expected) is Verdict.WRONG_ANSWER


@pytest.mark.parametrize(
    ("entry", "program"),
    [
        ("f", "def f(x): return x"),
        ("f", "class Solution:\n    def f(self, x): return x"),
        ("Solution().f", "class Solution:\n    seen = 0\n    def f(self, x):\n        self.seen += 1\n        return self.seen * x"),
        ("A.f", "class A:\n    @staticmethod\n    def f(x): return x"),
        ("f", "f = lambda x: x"),
        ("f", "class F:\n    def __call__(self, x): return x\nf = F()"),
    ],
)  # fmt: skip
def test_entry_points_of_every_form(server, entry: str, program: str) -> None:
    tests: list[Test] = [CallTest((3,), expected=3), CallTest((), {"x": 4}, expected=4)]
    assert judge(server, tests, program, entry=entry).verdict is Verdict.PASSED


def test_missing_entry_point_is_a_runtime_error(server) -> None:
    outcome = judge(server, [CallTest((1,))], "def g(x): return x")
    assert (outcome.verdict, outcome.detail) == (
        Verdict.RUNTIME_ERROR,
        "f(1) raised NameError: name 'f' is not defined",
    )


def test_imports_of_the_setup_are_in_scope_and_future_statements_stay_first(server) -> None:
    program = "from __future__ import annotations\ndef f(x: Undefined) -> List[int]: return [math.floor(x)]"
    outcome = judge(
        server, [CallTest((1.5,), expected=[1])], program, setup="import math\nfrom typing import List\nx = 1"
    )
    assert outcome.verdict is Verdict.PASSED


def test_main_guard_does_not_run_for_calls(server) -> None:
    program = "def f(x): return x\nif __name__ == '__main__':\n    raise SystemExit(1)"
    assert verdict_of_call(server, program, 3) is Verdict.PASSED


def test_print_and_input_do_no_harm_to_calls(server) -> None:
    program = (
        "def f(x):\n    print('noise', flush=True)\n    try:\n        input()\n    except EOFError:\n        return x"
    )
    assert verdict_of_call(server, program, 3) is Verdict.PASSED


# ---- checks


def test_checks_judge_plain_results(server) -> None:
    tests: list[Test] = [
        CallTest((2,), check="result == expected", expected=[2]),
        CallTest((2,), check="len(result) == 1 and result[0] > 1"),
        CallTest((2,), check="abs(sum(result) - 2.0) < 1e-6"),
    ]
    assert judge(server, tests, "def f(x): return [x]").verdict is Verdict.PASSED


def test_check_against_a_list_is_exact_about_types(server) -> None:
    assert verdict_of_call(server, "def f(x): return (3,)", [3], check="result == expected") is Verdict.WRONG_ANSWER


@pytest.mark.parametrize(
    "program",
    ["def f(x): return None", "def f(x): return 'a'", "def f(x): return {}", "def f(x): return 10 ** 400",
     "def f(x): return lambda: 0", "from dataclasses import dataclass\n@dataclass\nclass A:\n    x: int\ndef f(x): return A(1)"],
)  # fmt: skip
def test_check_that_does_not_apply_to_the_result_is_a_wrong_answer(server, program: str) -> None:
    assert verdict_of_call(server, program, check="abs(result - 0.5) < 1e-6") is Verdict.WRONG_ANSWER


def test_checks_look_through_generators(server) -> None:
    program = "def f(x):\n    yield from range(x)"
    assert verdict_of_call(server, program, check="list(result) == [0, 1, 2]") is Verdict.PASSED
    assert verdict_of_call(server, program, check="2 in result") is Verdict.PASSED
    assert verdict_of_call(server, program, check="7 in result") is Verdict.WRONG_ANSWER
    tests: list[Test] = [CallTest((n,), check=f"sorted(result) == {list(range(n))}") for n in range(5)]
    assert judge(server, tests, program).num_passed == 5


def test_check_on_a_live_object_stops_at_the_first_failure(server) -> None:
    tests: list[Test] = [CallTest((n,), check="list(result) == [0]") for n in (2, 3, 1)]
    program = "def f(x): return iter(range(x))"
    assert judge(server, tests, program).num_run == 1
    assert judge(server, tests, program, count=True).num_passed == 1


def test_process_that_ends_while_its_object_is_checked_has_crashed(server) -> None:
    program = "import os\nclass A:\n    def __iter__(self): os._exit(0)\ndef f(x): return A()"
    assert verdict_of_call(server, program, check="sorted(result) == []") is Verdict.CRASHED


def test_slow_judging_ends_as_timeout(server) -> None:
    problem = Problem(task_id="t", tests=(CallTest((), check="all(item >= 0 for item in result)"),), entry_point="f")
    limits = Limits(cpu_seconds=1.0, wall_seconds=0.3)
    outcome = run_suite(server, Suite.of(problem), "def f(): return range(10 ** 15)", limits)
    assert outcome.verdict is Verdict.TIMEOUT
    assert "comparing" in outcome.detail
    assert judge(server, [CallTest((1,), expected=1)], "def f(x): return x").verdict is Verdict.PASSED


def test_colliding_hashes_end_as_timeout(server) -> None:
    problem = Problem(task_id="t", tests=(CallTest((), expected={1}),), entry_point="f")
    program = """
class Quick(int):  # plain ints of these values all have the hash 0
    def __hash__(self):
        return self // (2**61 - 1)
def f():
    return {Quick(i * (2**61 - 1)) for i in range(30_000)}
"""
    limits = Limits(cpu_seconds=2.0, wall_seconds=0.3)
    assert run_suite(server, Suite.of(problem), program, limits).verdict is Verdict.TIMEOUT


# ---- assert tests with live objects

NODE = """
class Node:
    def __init__(self, value, left=None, right=None):
        self.value, self.left, self.right = value, left, right
    def __eq__(self, other):
        return isinstance(other, Node) and self.value == other.value
    def __hash__(self):
        return hash(self.value)
    def __repr__(self):
        return f"Node({self.value})"
def total(node):
    return 0 if node is None else node.value + total(node.left) + total(node.right)
def leftmost(node):
    return node if node.left is None else leftmost(node.left)
def values(node):
    if node is not None:
        yield from values(node.left)
        yield node.value
        yield from values(node.right)
def swap(node):
    node.left, node.right = node.right, node.left
"""

ASSERTS = {
    "objects built by the setup": "assert total(root) == 6 and values(root) is not None and list(values(root)) == [2, 1, 3]",
    "attributes": "root.left.value = 10\nassert total(root) == 14\nassert root.left.value == 10 and root.right.left is None",
    "change in place": "swap(root)\nassert root.left.value == 3",
    "identity": "assert leftmost(root) is root.left and leftmost(root) is not root.right",
    "own equality": "assert Node(1) == Node(1) and Node(1) != Node(2) and Node(1) in [Node(1)] and Node(1) != 1",
    "hash": "assert {Node(1), Node(1)} == {Node(1)} and {Node(1): 5}[Node(1)] == 5",
    "text": "assert repr(root) == 'Node(1)' and str(root) == 'Node(1)' and f'{root}' == 'Node(1)'",
    "instance": "assert isinstance(root, Node) and not isinstance(3, Node) and not isinstance(root, int)",
    "objects in lists": "assert [node.value for node in [root, root.left]] == [1, 2]",
    "dynamic attributes": "assert hasattr(root, 'left') and not hasattr(root, 'middle') and getattr(root, 'value') == 1",
    "loop": "for value, node in zip([1, 2], [root, root.left]):\n    assert total(Node(value)) == node.value",
    "helper of the test": "def depth(node):\n    return 0 if node is None else 1 + max(depth(node.left), depth(node.right))\nassert depth(root) == 2",
}  # fmt: skip


@pytest.mark.parametrize("name", ASSERTS)
def test_asserts_on_objects_of_a_class(server, name: str) -> None:
    setup = "root = Node(1)\nroot.left = Node(2)\nroot.right = Node(3)"
    outcome = verdict_of_asserts(server, ASSERTS[name], NODE, entry="total", setup=setup)
    assert outcome.verdict is Verdict.PASSED, outcome.detail


LIVE = {
    "generator": ("g = f(3)\nassert next(g) == 0\nassert list(g) == [1, 2]", "def f(n):\n    yield from range(n)"),
    "exhausted generator": (
        "g = f(1)\nnext(g)\ntry:\n    next(g)\n    assert False\nexcept StopIteration:\n    pass",
        "def f(n):\n    yield from range(n)",
    ),
    "closure": ("add = f(3)\nassert add(4) == 7 and f(1)(1) == 2", "def f(n): return lambda m: n + m"),
    "counter closure": ("c = f()\nassert [c(), c()] == [1, 2]", "def f():\n    n = 0\n    def c():\n        nonlocal n\n        n += 1\n        return n\n    return c"),
    "list changed in place": ("a = [3, 1, 2]\nassert f(a) is None\nassert a == [1, 2, 3]", "def f(a): a.sort()"),
    "dict changed in place": ("d = {}\nf(d)\nassert d == {'a': [1]}", "def f(d): d['a'] = [1]"),
    "set changed in place": ("s = {1}\nf(s)\nassert s == {1, 2}", "def f(s): s.add(2)"),
    "argument left alone": ("a = [3, 1]\nb = a[:]\nf(a)\nassert a == b", "def f(a): return sorted(a)"),
    "changed before it raised": ("a = []\ntry:\n    f(a)\nexcept ValueError:\n    assert a == [1]\nelse:\n    assert False", "def f(a):\n    a.append(1)\n    raise ValueError('x')"),
    "builtin exception": ("try:\n    f()\n    assert False\nexcept ValueError as error:\n    assert str(error) == 'no'", "def f(): raise ValueError('no')"),
    "custom exception": (
        "try:\n    f()\n    assert False\nexcept Broken as error:\n    assert str(error) == 'no'\n    assert isinstance(error, LookupError)",
        "class Bad(LookupError): pass\nclass Broken(Bad): pass\ndef f(): raise Broken('no')",
    ),
    "base of a custom exception": ("try:\n    f()\n    assert False\nexcept Bad:\n    pass", "class Bad(Exception): pass\nclass Broken(Bad): pass\ndef f(): raise Broken('no')"),
    "captured print": (
        "import contextlib, io\nout = io.StringIO()\nwith contextlib.redirect_stdout(out):\n    f('a')\nassert out.getvalue() == 'a 1\\n'",
        "def f(x): print(x, 1)",
    ),
    "context manager": ("with f() as c:\n    assert c.state == 'in'\nassert c.state == 'out'", "class f:\n    state = ''\n    def __enter__(self):\n        self.state = 'in'\n        return self\n    def __exit__(self, *a):\n        self.state = 'out'"),
    "operators between objects": (
        "v = f(1, 2) + f(3, 4) * f(1, 1)\nassert (v.x, v.y) == (4, 6) and (-v).x == -4 and abs(f(3, 4)) == 5.0 and v > f(0, 0) and (f(2, 2) ** f(2, 2)).x == 4",
        "class f:\n    def __init__(s, x, y): s.x, s.y = x, y\n    def __add__(s, o): return f(s.x + o.x, s.y + o.y)\n    def __mul__(s, o): return f(s.x * o.x, s.y * o.y)\n"
        "    def __pow__(s, o): return f(s.x ** o.x, 0)\n    def __neg__(s): return f(-s.x, -s.y)\n    def __abs__(s): return (s.x ** 2 + s.y ** 2) ** 0.5\n    def __gt__(s, o): return s.x > o.x",
    ),
    "container": (
        "c = f()\nc['a'] = 1\nassert c['a'] == 1 and 'a' in c and 'b' not in c and len(c) == 1 and list(c) == ['a'] and bool(c)\ndel c['a']\nassert not c",
        "class f:\n    def __init__(s): s.d = {}\n    def __getitem__(s, k): return s.d[k]\n    def __setitem__(s, k, v): s.d[k] = v\n    def __delitem__(s, k): del s.d[k]\n    def __len__(s): return len(s.d)\n    def __iter__(s): return iter(s.d)\n    def __contains__(s, k): return k in s.d",
    ),
    "named tuple": ("p = f(1, 2)\nassert p.x == 1 and p == (1, 2) and p[1] == 2", "from collections import namedtuple\nP = namedtuple('P', 'x y')\ndef f(x, y): return P(x, y)"),
    "constants of the program": ("assert LIMIT == 5 and f() == LIMIT", "LIMIT = 5\ndef f(): return LIMIT"),
    "module of the program": ("assert math.isclose(f(), math.pi)", "import math\ndef f(): return math.pi"),
    "module of the setup": ("assert np.array_equal(f(), np.arange(3))", "import numpy as np\ndef f(): return np.arange(3)", "import numpy as np"),
    "property and class method": ("assert f.make(3).double == 6", "class f:\n    @classmethod\n    def make(c, n):\n        s = c()\n        s.n = n\n        return s\n    @property\n    def double(s): return 2 * s.n"),
    "same random numbers": ("import random\nassert sorted(f([1, 2, 3])) == [1, 2, 3] and random.random() == 0.8444218515250481", "import random\ndef f(a):\n    random.shuffle(a)\n    return a"),
    "entry point with a builtin's name": ("assert sum([1, 2]) == 30", "def sum(a): return 30", "", "sum"),
}  # fmt: skip


@pytest.mark.parametrize("name", LIVE)
def test_asserts_on_live_objects(server, name: str) -> None:
    code, program, setup, entry = (*LIVE[name], *("", "f")[len(LIVE[name]) - 2 :])
    outcome = verdict_of_asserts(server, code, program, entry=entry, setup=setup)
    assert outcome.verdict is Verdict.PASSED, outcome.detail


WRONG = {
    "assert": ("assert f(1) == 2, 'one'", "def f(x): return x", Verdict.WRONG_ANSWER),
    "exception": ("assert f(1) == 2", "def f(x): raise KeyError(x)", Verdict.RUNTIME_ERROR),
    "no exception": ("try:\n    f(1)\n    assert False\nexcept KeyError:\n    pass", "def f(x): return x", Verdict.WRONG_ANSWER),
    "handle and plain data": ("assert f(1) == 1", "class f:\n    def __init__(s, x): pass\n    def __eq__(s, o): return True", Verdict.WRONG_ANSWER),
    "arithmetic with plain data": ("assert f(1) - 1 == 0", "class f:\n    def __init__(s, x): pass\n    def __sub__(s, o): return 0", Verdict.RUNTIME_ERROR),
    "missing name": ("assert g(1)", "def f(x): return x", Verdict.RUNTIME_ERROR),
    "exit": ("f(1)", "def f(x): raise SystemExit(0)", Verdict.RUNTIME_ERROR),
    "exit that the test would catch": ("try:\n    f(1)\nexcept BaseException:\n    pass", "import os\ndef f(x): os._exit(0)", Verdict.CRASHED),
    "memory": ("f(1)", "def f(x): return bytearray(10 ** 12)", Verdict.MEMORY_LIMIT),
    "endless loop": ("f(1)", "def f(x):\n    while True: pass", Verdict.TIMEOUT),
    "endless iteration": ("for _ in f(1): pass", "import itertools\ndef f(x): return itertools.count()", Verdict.TIMEOUT),
    "many bases": (
        "try:\n    f(1)\nexcept ValueError:\n    pass",
        "class E0(Exception): pass\nE = E0\nfor i in range(300):\n    E = type(f'E{i}', (E,), {})\ndef f(x): raise E",
        Verdict.RUNTIME_ERROR,
    ),
    "odd class names": ("f(1)", "def f(x): raise type('\\ud800\\0', (Exception,), {})('\\0')", Verdict.RUNTIME_ERROR),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_asserts_that_fail(server, name: str) -> None:
    code, program, verdict = WRONG[name]
    outcome = verdict_of_asserts(server, code, program)
    assert (outcome.verdict, outcome.num_passed, outcome.num_run) == (verdict, 0, 1)
    assert outcome.detail.isprintable()
    assert judge(server, [CallTest((3,), expected=3)], "def f(x): return x").verdict is Verdict.PASSED


def test_assert_tests_share_one_namespace_and_are_counted(server) -> None:
    tests: list[Test] = [
        AssertTest("x = f(1)"),
        AssertTest("assert x == 5"),
        AssertTest("x += 1"),
        AssertTest("assert x == 2"),
    ]
    outcome = judge(server, tests, "def f(x): return x", count=True)
    assert (outcome.verdict, outcome.num_passed, outcome.num_run) == (Verdict.WRONG_ANSWER, 3, 4)
    assert outcome.detail == "assert x == 5"


def test_failing_setup_fails_the_program(server) -> None:
    outcome = verdict_of_asserts(server, "assert f(1)", "def f(x): return x", setup="root = Node(1)")
    assert outcome.verdict is Verdict.RUNTIME_ERROR
    assert "Node" in outcome.detail


# ---- mixed suites, warnings, faults of the tests


def test_mixed_suites_run_every_kind(server) -> None:
    program = "def f(x): return x + 1\nif __name__ == '__main__':\n    print(f(int(input())))"
    tests: list[Test] = [
        CallTest((1,), expected=2), AssertTest("assert f(2) == 3"), StdioTest("3\n", "4\n"), CallTest((4,), expected=5),
        AssertTest("assert f(0) == 1"), StdioTest("5\n", "6\n"),
    ]  # fmt: skip
    outcome = judge(server, tests, program)
    assert (outcome.verdict, outcome.num_passed, outcome.num_run) == (Verdict.PASSED, 6, 6)
    outcome = judge(server, tests, program.replace("x + 1", "x + (x < 3)"), count=True)
    assert (outcome.verdict, outcome.num_passed, outcome.num_run) == (Verdict.WRONG_ANSWER, 3, 6)


def test_warnings_of_test_and_program_stay_inside(server) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tests: list[Test] = [
            AssertTest("assert f('\\d') is '\\\\d' or True\nassert (1, 'always')"),
            CallTest(("a",), expected="a"),
        ]
        outcome = judge(
            server, tests, "x = '\\d'\nassert (1, 'always')\ndef f(x): return x", setup="import math\ny = '\\w'"
        )
    assert outcome.verdict is Verdict.PASSED, outcome.detail


def test_test_that_does_not_compile_is_an_input_error() -> None:
    for code in ("assert f(", "return 1"):
        with pytest.raises(InputError):
            Suite.of(Problem(task_id="t", tests=(AssertTest(code),), entry_point="f"))


def test_details_are_one_printable_line(server) -> None:
    outcome = judge(server, [CallTest((1,))], "def f(x): raise ValueError('a\\x1b[2J\\n\\ud800' + 'b' * 10 ** 6)")
    assert outcome.detail.startswith("f(1) raised ValueError: a\ufffd[2J \ufffdbbb")
    assert len(outcome.detail) <= 300
    assert outcome.detail.isprintable()


def test_short_is_short_for_any_value() -> None:
    for value in ("a" * 10**6, list(range(10**5)), 10**5000, [10**5000], {"a": ("b" * 1000,)}, (10**5000,) * 3):
        assert len(short(value)) < 400
