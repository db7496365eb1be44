"""Hostile programs whose objects lie about themselves: none passes a test that it has not earned.

A case is a program and `assert` tests, each judged by itself. Test code runs in a process of its own, which the values that
it works on may not harm, stall or fill.
"""

# ruff: noqa: E501  a program stands on one line

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from staged_reward.limits import Limits
from staged_reward.problem import AssertTest, Problem, Verdict
from staged_reward.sandbox.host import ForkServer
from staged_reward.sandbox.judge import run_suite
from staged_reward.sandbox.suite import Suite

LIMITS = Limits(cpu_seconds=0.5, wall_seconds=1.0)
CASES: dict[str, tuple[str, str, str]] = {}


def case(name: str, program: str, *tests: str, entry: str = "f") -> None:
    CASES.update({f"{name}, {number}": (program, test, entry) for number, test in enumerate(tests)})


YES = """
class M(type):
    def __instancecheck__(c, o): return True
    def __subclasscheck__(c, o): return True
    def __eq__(c, o): return True
    def __hash__(c): return 0
class Yes(metaclass=M):
    def __init__(s, *a, **k): pass
    def __eq__(s, o): return True
    def __ne__(s, o): return False
    def __lt__(s, o): return True
    __le__ = __gt__ = __ge__ = __lt__
    def __bool__(s): return True
    def __hash__(s): return 0
    def __contains__(s, x): return True
    def __len__(s): return 3
    def __call__(s, *a, **k): return s
    def __getattr__(s, n):
        if n.startswith("__"): raise AttributeError(n)
        return s
    def __getitem__(s, i): return s
    def __iter__(s): return s
    def __next__(s): return s
    def __sub__(s, o): return 0.0
    def __rsub__(s, o): return 0.0
    def __add__(s, o): return s
    __radd__ = __mul__ = __rmul__ = __truediv__ = __mod__ = __floordiv__ = __pow__ = __and__ = __or__ = __xor__ = __add__
    def __abs__(s): return 0.0
    def __neg__(s): return s
    def __enter__(s): return s
    def __exit__(s, *a): return True
    def __str__(s): return "yes"
    def __round__(s, n=0): return s
    def __reversed__(s): return s
    def __float__(s): return 0.0
    def __int__(s): return 0
    __index__ = __int__
def f(*a, **k): return Yes()
"""
for _name, t in enumerate(
    [
        "assert f(1) == 2",
        "assert 2 == f(1)",
        "assert not (f(1) != 2)",
        "assert f(1) in [2, 3]",
        "assert 2 in f(1)",
        "assert f(1) in {2}",
        "assert {2: 1}[f(1)]",
        "assert abs(f(1) - 2.5) < 1e-6",
        "assert f(1) - 2 == 0",
        "assert 2 - f(1) == 0",
        "assert f(1) < 3",
        "assert 0 < f(1) < 3",
        "assert f(1) is True",
        "assert f(1).x == 3",
        "assert f(1)[0] == 3",
        "assert [f(1)] == [3]",
        "assert (f(1), 2) == (3, 2)",
        "assert sorted([f(1), 3]) == [2, 3]",
        "assert sum([f(1)]) == 5",
        "assert max(f(1), 2) == 3",
        'assert str(f(1)) == "3"',
        "assert float(f(1)) == 3.0",
        "assert len(f(1)) == 4",
        "assert list(map(int, [f(1)])) == [3]",
        "assert f(1).issubset({1})== True",
        "assert set([f(1), 2]) == {2}",
        "assert all(x == 2 for x in [f(1)])",
        "assert not f(1) != 2",
        "with f(1) as x:\n    assert x == 2",
        "with f(1):\n    assert False",
        'with f(1) as x:\n    raise AssertionError("never")',
        "with f(1) as x:\n    y = 1 / (x == 5)\n    assert False",
        'with f(1) as x:\n    int("a")\n    assert False',
        "import math\nassert math.isclose(f(1), 3.0)",
        "assert math.isclose(f(1), 3.0)",
        "assert round(f(1), 2) == 3.14",
        "assert f(1) % 7 == 3",
        "import unittest\nunittest.TestCase().assertEqual(f(1), 2)",
        "import unittest\nunittest.TestCase().assertAlmostEqual(f(1), 2.0)",
        "import unittest\nunittest.TestCase().assertIn(2, f(1))",
        "import pytest\nassert f(1) == pytest.approx(3.0)",
        "assert type(f(1)) == int",
        "assert type(f(1)) is int",
        "assert isinstance(f(1), int) and f(1) == 3",
        "import numpy as np\nassert np.allclose(f(1), [1,2])",
        "import numpy as np\nassert np.array_equal(f(1), [1,2])",
        "from unittest.mock import ANY\nassert f(1) == 3 and ANY == f(1)",
        'assert f(1) == {"a": 1}',
        "assert f(1) == None",
        "assert f(1) is None",
        "assert f(1) == True",
        "match f(1):\n    case 3: pass\n    case _: assert False",
        'assert f"{f(1)}" == "3"',
        "import operator\nassert operator.eq(f(1), 2)",
        "assert f(1).__eq__(2) is True and f(1) == 2",
        "from collections import Counter\nassert Counter([f(1)]) == Counter([2])",
        "assert 3 == f(1) == 3",
        "assert f(1) ^ 3 == 0",
        "assert (f(1) == 2) is not False",
        "assert f([1]) + [3] == [1, 3]",
        "assert [3] + f([1]) == [3, 1]",
        "assert f(2) * 2 == 4 and f(2) == 2",
        "assert hash(f(1)) == hash(2) and f(1) == 2",
        "assert f(1) >= 2 and f(1) <= 2",
        "assert divmod(f(1), 2) == (1, 1)",
        'assert "a" + f(1) == "ab"',
        "assert int(f(1)) == 5",
        "assert next(f(1)) == 2",
        "assert [x for _, x in zip(range(2), f(1))] == [1, 2]",
        "assert f(1)() == 2",
        'assert f(1).strip() == "x"',
        "assert f(1).value == 3",
        "assert (lambda r: r == 3)(f(1))",
        "assert f(1) == f(2) - 1 == 3",
        "import copy\nassert copy.deepcopy(f(1)) == 3",
        'import json\nassert json.dumps(f(1)) == "3"',
        'assert eval("f(1) == 3") == True and f(1) == 3',
        'assert f(x=1)["a"] == 2',
    ]
):
    case(f"yes {t!r}", YES, t)
# int subclasses
case(
    "intsub",
    "class Y(int):\n    def __eq__(s,o): return True\n    def __ne__(s,o): return False\n    def __sub__(s,o): return Y(0)\n    __hash__=int.__hash__\n    def go(s): pass\ndef f(*a): return Y(0)",
    "assert f(1) == 2",
    "assert f(1) - 2 == 0",
    "assert abs(f(1) - 2.5) < 1e-6",
    "assert f(1) in [2]",
    "assert not f(1) != 2",
    "assert f(1) > 1",
)
case(
    "listsub",
    "class Y(list):\n    def __eq__(s,o): return True\n    def __contains__(s,o): return True\n    def __len__(s): return 2\n    def __iter__(s): return iter([1,2])\n    def go(s): pass\ndef f(*a): return Y()",
    "assert f(1) == [1, 2]",
    "assert 5 in f(1)",
    "assert not f(1) != [1]",
    "assert [1, 2] == f(1)",
)
# names
case(
    "AssertionError subclass swallowed",
    'class AssertionError(Exception): pass\nclass Exception2(Exception): pass\ndef f(x): raise AssertionError("x")',
    "assert f(1) == 2",
)
for n in (
    "AlarmError",
    "GuestGoneError",
    "StopIteration",
    "KeyboardInterrupt",
    "GeneratorExit",
    "SystemExit",
    "LoadError",
    "MalformedError",
    "InfraError",
    "ApartError",
    "BaseException",
    "StopAsyncIteration",
    "CancelledError",
    "SkipTest",
    "Skipped",
):
    case(
        "raise " + n,
        (
            f"class {n}(BaseException): pass\ndef f(x): raise {n}()"
            if n
            not in (
                "StopIteration",
                "KeyboardInterrupt",
                "GeneratorExit",
                "SystemExit",
                "BaseException",
                "StopAsyncIteration",
            )
            else f"def f(x): raise {n}()"
        ),
        "assert f(1) == 2",
        "x = [f(i) for i in range(2)]\nassert x == [1, 2]",
        "def g():\n    yield f(1)\nassert list(g()) == [2]",
        "for i in range(1):\n    y = f(1)\nassert y == 2",
        "assert all(f(i) == 2 for i in range(3))",
        "import unittest\nclass T(unittest.TestCase):\n    def test_a(self): self.assertEqual(f(1), 2)\nr = unittest.TextTestRunner().run(unittest.defaultTestLoader.loadTestsFromTestCase(T))\nassert r.wasSuccessful() and not r.skipped",
    )
case("stop map", "def f(x): raise StopIteration", "assert all(map(f, [1, 2]))", "assert list(map(f, [1])) == []")
case(
    "skip unittest",
    'import unittest\ndef f(x): raise unittest.SkipTest("no")',
    "import unittest\nclass T(unittest.TestCase):\n    def test_a(self): self.assertEqual(f(1), 2)\nr = unittest.TextTestRunner().run(unittest.defaultTestLoader.loadTestsFromTestCase(T))\nassert r.wasSuccessful()",
)
case(
    "real skiptest",
    'import unittest\ndef f(x): raise unittest.SkipTest("no")',
    "import unittest\nclass T(unittest.TestCase):\n    def test_a(self): self.assertEqual(f(1), 2)\nr = unittest.TextTestRunner().run(unittest.defaultTestLoader.loadTestsFromTestCase(T))\nassert r.wasSuccessful() and not r.skipped",
    "assert f(1) == 2",
)
case(
    "real pytest skip",
    'import pytest\ndef f(x): pytest.skip("no", allow_module_level=True)',
    "import pytest\nassert f(1) == 2",
)
case(
    "swallow callback assert",
    "def f(fn):\n    try: fn(1)\n    except BaseException: pass\n    return 1",
    "def cb(x): assert x == 5\nassert f(cb) == 1",
)
case(
    "isinstance lie",
    "class Y(list): pass\ndef f(x):\n    class L:\n        __class__ = list\n    return L()",
    "assert isinstance(f(1), list) and f(1) == [1]",
)
case("exit in eq", "import os\nclass Y:\n    def __eq__(s,o): os._exit(0)\ndef f(x): return Y()", "assert f(1) == f(1)")
case(
    "pickle rce",
    "import pickle\nclass E:\n    def __reduce__(s): return (eval, ('1',))\ndef f(x): return pickle.dumps(E())",
    "import pickle\nassert pickle.loads(f(1)) == 1",
)
case("eval rce", "def f(x): return \"__import__('sys').modules['tests'] and 5\"", "assert eval(f(1)) == 5")
case(
    "exec rce",
    "def f(x): return \"import sys\\nsys.modules['tests'].__dict__['ok'] = 1\"",
    "ok = 0\nexec(f(1))\nassert ok == 1",
)
case("remove", 'def f(x): return "kept"', 'import os\nos.remove(f(1))\nassert not os.path.exists("kept")')
case(
    "mem bomb",
    "def f(x): return 10**10",
    "assert [0] * f(1) == [0]",
    'assert len("a" * f(1)) == 10**10',
    'assert bytes(f(1)) == b""',
)
case("cpu bomb", "def f(x): return 10**9", "assert 7 ** f(1) % 10 == 7")
case("set collision", "def f(x): return [i * (2**61-1) for i in range(100000)]", "assert len(set(f(1))) == 5")
case("factorial", "def f(x): return 10**8", "import math\nassert math.factorial(f(1)) == 7")
case("sum lists", "def f(x): return [[0]]*400000", "assert sum(f(1), []) == 5")
case("regex", 'def f(x): return "a"*40', 'import re\nassert re.match("(a+)+b", f(1))')
case(
    "bare except loop",
    "def f(x):\n    import time\n    time.sleep(1)\n    raise ValueError",
    "while True:\n    try:\n        f(1)\n        break\n    except:\n        pass",
)
case(
    "endless gen",
    "def f(x):\n    while True: yield 1",
    "assert 2 in f(1)",
    "assert list(f(1)) == []",
    "assert max(f(1)) == 1",
)
case(
    "deep",
    "def f(x):\n    a = []\n    for _ in range(900): a = [a]\n    return a",
    'assert str(f(1)) == "x"',
    "assert f(1) == [[]]",
)
case(
    "huge int detail",
    "def f(x): return 10**6000",
    "assert f(1) == 2, f(1)",
    "{}[f(1)]",
    "raise ValueError(f(1))",
    'assert str(f(1)) == "x"',
    "assert f(1) == 3, [f(1)]",
)
case("callback flood", "def f(fn):\n    while True: fn(1)", "assert f(lambda x: x) == 2")
case("callback bomb", "def f(fn): return fn(10**9)", "assert f(lambda x: len([0] * x * x)) == 2")
case("callback recursion", "def f(fn): return fn(lambda g: fn(g))", "def cb(g): return g(cb)\nassert f(cb) == 2")
case("callback frames", "def f(fn): return fn.__globals__", "def cb(): pass\nassert f(cb) == 1")
case("callback attr", "def f(g):\n    return g.gi_frame.f_globals", "secret = 5\nassert f(x for x in [1]) == 5")
case(
    "obj attr walk",
    'def f(o):\n    for n in ("__class__","__init__","__dict__","get"):\n        try:\n            v = getattr(o, n)\n            v = v.__globals__\n            return v["SECRET"]\n        except Exception as e: pass\n    try: return o.get.__func__.__globals__["SECRET"]\n    except Exception: return 0',
    "SECRET = 42\nclass P:\n    def get(self): return 1\nassert f(P()) == SECRET",
)
case("write back forging", "def f(a, b):\n    b.clear()\n    return 1", "exp = [1]\nassert f([1], list(exp)) == 2")
case(
    "reply flood",
    'def f(x):\n    import os\n    for fd in range(3, 20):\n        try:\n            while True: os.write(fd, b"\\0\\0\\0\\1\\x90" * 1000)\n        except OSError: pass',
    "assert f(1) == 1",
)
case(
    "handle flood",
    "class A: pass\ndef f(x): return [A() for _ in range(300000)]",
    "assert len(f(1)) == 1",
    "x = [f(1) for _ in range(5)]\nassert 0",
)
case(
    "many exc",
    'def f(x): raise type("E%d" % x, (Exception,), {})()',
    "for i in range(3000):\n    try: f(i)\n    except Exception: pass\nassert 0",
)
case(
    "subject eq",
    "class Money:\n    def __init__(s, v): pass\n    def __eq__(s, o): return True\n    def __sub__(s, o): return 0",
    "assert Money(5) == 5",
    "assert Money(5) in [5]",
    "assert [Money(1)] == [1]",
    entry="Money",
)
case(
    "solution yes",
    "class Solution:\n    def f(s, x): return Y()\nclass Y:\n    def __eq__(s, o): return True\n    def __sub__(s, o): return 0.0\n    def __contains__(s, o): return True",
    "assert Solution().f(3) == 3",
    "assert abs(Solution().f(3) - 2) < 1e-6",
    "assert 3 in Solution().f(2)",
    entry="Solution().f",
)

case(
    "empty array",
    "import numpy as np\ndef f(n): return np.empty((0, 1))",
    "import numpy as np\nassert (f(2) == np.array([0, 1])).all()",
    "import numpy as np\nassert np.allclose(f(3), [0.0, 1.0, 2.0])",
    "import numpy as np\nassert np.array_equal(f(3), [0.0])",
    "import numpy as np\nassert abs(f(3) - np.array([1.0])).max(initial=0) < 1e-6",
    "import numpy as np\nnp.testing.assert_allclose(f(3), [0.0, 1.0])",
)
case(
    "own eq",
    "class Vector:\n    def __init__(s, *a): pass\n    def __add__(s, o): return s\n    def __eq__(s, o): return True",
    "assert Vector(1, 2) + Vector(3, 4) == Vector(4, 6)",
    entry="Vector",
)
case(
    "own eq isinstance",
    "class Vector:\n    def __init__(s, x, y): s.x = x\n    def __add__(s, o): return s\n    def __eq__(s, o): return isinstance(o, Vector)",
    "assert Vector(1, 2) + Vector(3, 4) == Vector(4, 6)",
    "assert Vector(4, y=6) == Vector(1, 2) + Vector(3, 4)",
    entry="Vector",
)
case(
    "evals",
    "class Same:\n    def __eq__(s, o): return True\ndef f(n): return Same()",
    'assert eval("f(2) == 6")',
    'exec("assert f(5) == 15")',
    'for e in ("f(1) == 2",):\n    assert eval(e)',
    'assert eval(f"f({1}) == {2}")',
    'exec(f"assert f({1}) == {2}")',
    'g = {"f": f}\nassert eval("f(2) == 6", g)',
    'assert all(eval(x) for x in ["f(2) == 6"])',
)
case(
    "every",
    "class E(ValueError, TypeError, LookupError): pass\ndef f(n): raise E",
    "try:\n    f(-1)\nexcept TypeError:\n    k = 1\nassert k == 1",
)
case(
    "fake Counter",
    "class C2:\n    def __init__(s, *a): pass\n    def __eq__(s, o): return True\nCounter = lambda *a: 1\ndef f(x): return 1",
    'assert f("ab") == Counter("ab")',
)
case("sqrt", "sqrt = lambda x: 1\ndef f(x): return 1", "assert f(4) == sqrt(4)")


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    server = ForkServer()
    yield server
    server.close()


@pytest.mark.parametrize("name", CASES)
def test_lying_object_does_not_pass(server, name: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kept").touch()
    program, code, entry = CASES[name]
    suite = Suite.of(Problem(task_id="t", tests=(AssertTest(code),), entry_point=entry))
    started = time.monotonic()
    outcome = run_suite(server, suite, program, LIMITS)
    assert outcome.verdict not in (Verdict.PASSED, Verdict.INFRA_ERROR)
    assert outcome.detail.isprintable()
    assert time.monotonic() - started < 3 * (LIMITS.wall_seconds + 2)  # on a busy machine
    assert list(tmp_path.iterdir()) == [tmp_path / "kept"]
