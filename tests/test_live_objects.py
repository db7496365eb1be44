"""Honest programs whose tests need live objects: each passes.

A case is a program and `assert` tests that share a namespace.
"""

# ruff: noqa: E501  a program stands on one line

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from staged_reward.limits import Limits
from staged_reward.problem import AssertTest, Problem, Verdict
from staged_reward.sandbox.host import ForkServer
from staged_reward.sandbox.judge import run_suite
from staged_reward.sandbox.outcome import Outcome
from staged_reward.sandbox.suite import Suite

LIMITS = Limits()


class Case(NamedTuple):
    program: str
    tests: tuple[str, ...]
    entry: str
    setup: str
    prompt: str = ""


CASES: dict[str, Case] = {}


def case(name: str, program: str, *tests: str, entry: str = "f", setup: str = "", prompt: str = "") -> None:
    CASES[name] = Case(program, tests, entry, setup, prompt)


case(
    "callback lambda",
    "def f(g, x): return g(x, 2)",
    "assert f(lambda x, y: x + y, 1) == 3",
    "assert f(max, 5) == 5",
    "import operator\nassert f(operator.mul, 4) == 8",
)
case(
    "map own",
    "def f(fn, xs): return [fn(x) for x in xs]",
    "assert f(lambda x: x*x,[1,2]) == [1,4]",
    'assert f(str, [1]) == ["1"]',
    'assert f(str.upper, ["a"]) == ["A"]',
    'assert f(len, ["abc"]) == [3]',
    "import math\nassert f(math.sqrt,[4]) == [2.0]",
)
case(
    "key fn",
    "def f(xs, key=None): return sorted(xs, key=key)",
    'assert f(["aa","b"], key=len) == ["b","aa"]',
    "assert f([1,-3,2], key=lambda v: -abs(v)) == [-3,2,1]",
)
case(
    "append callback",
    "def f(cb):\n    for i in range(3): cb(i)",
    "calls = []\nf(calls.append)\nassert calls == [0,1,2]",
)
case(
    "retry",
    'def f(fn, n):\n    for i in range(n):\n        try: return fn()\n        except ValueError: pass\n    raise RuntimeError("gave up")',
    """
state = {"n": 0}
def flaky():
    state["n"] += 1
    if state["n"] < 3:
        raise ValueError("no")
    return "ok"
assert f(flaky, 5) == "ok"
assert state["n"] == 3
""",
    """
def bad(): raise ValueError("x")
try:
    f(bad, 2)
    assert False
except RuntimeError as e:
    assert str(e) == "gave up"
""",
    """
def other(): raise KeyError("k")
try:
    f(other, 2)
    assert False
except KeyError as e:
    assert e.args == ("k",) and str(e) == "'k'"
""",
)
case(
    "decorator",
    "import functools\ndef f(fn):\n    @functools.wraps(fn)\n    def w(*a, **k):\n        return fn(*a, **k) * 2\n    return w",
    """
@f
def add(a, b=1):
    "doc"
    return a + b
assert add(1) == 4 and add(1, b=2) == 6
assert add.__name__ == "add"
assert add.__doc__ == "doc"
""",
)
case(
    "memo decorator",
    "def f(fn):\n    cache = {}\n    def w(n):\n        if n not in cache: cache[n] = fn(n)\n        return cache[n]\n    w.cache = cache\n    return w",
    """
calls = []
@f
def sq(n):
    calls.append(n)
    return n * n
assert sq(3) == 9 and sq(3) == 9 and calls == [3]
assert sq.cache == {3: 9}
""",
)
case(
    "decorator with args",
    "def f(times):\n    def deco(fn):\n        def w(*a):\n            return [fn(*a) for _ in range(times)]\n        return w\n    return deco",
    """
@f(3)
def hi(x): return "hi " + x
assert hi("bob") == ["hi bob"] * 3
""",
)
case(
    "iterator arg",
    "def f(it): return list(it)[::-1]",
    "assert f(iter([1,2,3])) == [3,2,1]",
    "assert f(x*x for x in range(3)) == [4,1,0]",
    'assert f(map(str,[1,2])) == ["2","1"]',
    'assert f(zip("ab",[1,2])) == [("b",2),("a",1)]',
    'assert f({"a":1}.keys()) == ["a"]',
    'assert f(enumerate("a")) == [(0,"a")]',
)
case(
    "take from infinite",
    "def f(n, it):\n    out = []\n    for x in it:\n        if len(out) == n: break\n        out.append(x)\n    return out",
    "import itertools\nassert f(3, itertools.count(5)) == [5,6,7]",
)
case(
    "test class arg",
    "def f(obj): return obj.x + obj.get(2)",
    """
class P:
    def __init__(self, x): self.x = x
    def get(self, n): return self.x * n
assert f(P(3)) == 9
""",
)
case(
    "list of test objects",
    "def f(objs): return sorted(objs, key=lambda o: o.age)",
    """
class P:
    def __init__(self, n, a): self.name, self.age = n, a
a, b = P("a", 3), P("b", 1)
assert [p.name for p in f([a, b])] == ["b", "a"]
assert f([a, b])[0] is b
""",
)
case(
    "test dataclass arg",
    "def f(items): return sum(i.price * i.qty for i in items)",
    """
from dataclasses import dataclass
@dataclass
class Item:
    price: float
    qty: int
assert f([Item(1.5, 2), Item(1.0, 1)]) == 4.0
""",
)
case(
    "test namedtuple arg",
    "def f(p): return p.x + p[1]",
    'from collections import namedtuple\nP = namedtuple("P", "x y")\nassert f(P(1, 2)) == 3',
)
case(
    "test enum",
    "def f(c): return c.name.lower()",
    'import enum\nclass C(enum.Enum):\n    RED = 1\nassert f(C.RED) == "red"',
)
case(
    "linked list from setup",
    """
class ListNode:
    def __init__(self, val=0, next=None):
        self.val, self.next = val, next
def reverse(head):
    prev = None
    while head:
        head.next, prev, head = prev, head, head.next
    return prev
""",
    """
def build(xs):
    head = None
    for x in reversed(xs):
        head = ListNode(x, head)
    return head
def to_list(n):
    out = []
    while n:
        out.append(n.val)
        n = n.next
    return out
assert to_list(reverse(build([1,2,3]))) == [3,2,1]
assert reverse(None) is None
""",
    entry="reverse",
)
case(
    "linked list class only in setup",
    """
def reverse(head):
    prev = None
    while head:
        head.next, prev, head = prev, head, head.next
    return prev
""",
    """
def build(xs):
    head = None
    for x in reversed(xs):
        head = ListNode(x, head)
    return head
def to_list(n):
    out = []
    while n:
        out.append(n.val)
        n = n.next
    return out
assert to_list(reverse(build([1,2,3]))) == [3,2,1]
""",
    entry="reverse",
    setup="class ListNode:\n    def __init__(self, val=0, next=None):\n        self.val, self.next = val, next",
)
case(
    "subclass in test",
    """
class Shape:
    def __init__(self, name): self.name = name
    def area(self): raise NotImplementedError
    def describe(self): return f"{self.name}: {self.area()}"
def total(shapes): return sum(s.area() for s in shapes)
""",
    """
class Square(Shape):
    def __init__(self, s):
        super().__init__("square")
        self.s = s
    def area(self): return self.s ** 2
sq = Square(3)
assert sq.describe() == "square: 9"
assert total([Square(1), Square(2)]) == 5
assert isinstance(sq, Shape) and issubclass(Square, Shape)
assert sq.s == 3
try:
    Shape("x").area()
    assert False
except NotImplementedError:
    pass
""",
    entry="Shape",
)
case(
    "abc",
    """
from abc import ABC, abstractmethod
class Animal(ABC):
    @abstractmethod
    def speak(self): ...
    def twice(self): return self.speak() * 2
""",
    """
class Dog(Animal):
    def speak(self): return "woof"
assert Dog().twice() == "woofwoof"
try:
    Animal()
    assert False
except TypeError:
    pass
""",
    entry="Animal",
)
case(
    "vector",
    """
class Vector:
    def __init__(self, x, y): self.x, self.y = x, y
    def __add__(self, o): return Vector(self.x + o.x, self.y + o.y)
    def __mul__(self, k): return Vector(self.x * k, self.y * k)
    __rmul__ = __mul__
    def __eq__(self, o): return isinstance(o, Vector) and (self.x, self.y) == (o.x, o.y)
    def __hash__(self): return hash((self.x, self.y))
    def __repr__(self): return f"Vector({self.x}, {self.y})"
    def __iter__(self): yield self.x; yield self.y
    def __iadd__(self, o): self.x += o.x; self.y += o.y; return self
    def __lt__(self, o): return self.x < o.x
    def __radd__(self, o): return self if o == 0 else NotImplemented
""",
    """
v = Vector(1, 2)
assert v * 3 == Vector(3, 6) and 3 * v == Vector(3, 6)
assert tuple(v) == (1, 2)
x, y = v
assert (x, y) == (1, 2)
assert {v, Vector(1, 2)} == {v}
assert repr(v * 2 + v) == "Vector(3, 6)"
w = v
w += Vector(1, 1)
assert w is v and v.x == 2
assert sorted([Vector(3, 0), Vector(1, 0)])[0].x == 1
assert max(Vector(3, 0), Vector(1, 0)).x == 3
assert sum([Vector(1, 1), Vector(2, 2)]) == Vector(3, 3)
assert v != 3
assert v.__class__.__name__ == "Vector" and type(v) is Vector and type(v).__name__ == "Vector"
""",
    entry="Vector",
)
case(
    "stack of list",
    "class Stack(list):\n    def push(self, x): self.append(x)\n    def peek(self): return self[-1]",
    "s = Stack()\ns.push(1)\ns.push(2)\nassert s.peek() == 2 and len(s) == 2 and s == [1, 2] and list(s) == [1, 2]\nassert s.pop() == 2\nassert s == [1]\nassert isinstance(s, list)\nassert s[0] == 1 and 1 in s and 5 not in s",
    entry="Stack",
)
case(
    "intenum",
    "import enum\nclass Level(enum.IntEnum):\n    LOW = 1\n    HIGH = 2\ndef f(x): return Level(x)",
    'assert f(2) == 2 and f(2) is Level.HIGH and f(1).name == "LOW" and f(1).value == 1\nassert f(2) > 1 and f(1) < f(2)\nassert f(1) + 1 == 2',
)
case(
    "enum",
    "from enum import Enum\nclass Color(Enum):\n    RED = 1\n    BLUE = 2\ndef f(x): return Color[x]",
    'assert f("RED") == Color.RED and f("RED") is Color.RED and f("BLUE").value == 2\nassert [c.name for c in Color] == ["RED", "BLUE"]\nassert Color(1) is Color.RED\nassert Color["BLUE"] == Color.BLUE and len(Color) == 2',
)
case(
    "dataclass",
    "from dataclasses import dataclass, field\n@dataclass(order=True, frozen=True)\nclass P:\n    x: int\n    y: int = 0\ndef f(x): return P(x)",
    'assert f(1) == P(1) and f(1) != P(2) and P(1) < P(2) and sorted([P(2), P(1)]) == [P(1), P(2)]\nassert repr(P(1)) == "P(x=1, y=0)"\nassert len({P(1), P(1)}) == 1\nimport dataclasses\nassert dataclasses.asdict(P(1)) == {"x": 1, "y": 0}',
    "import dataclasses\ntry:\n    p = f(1)\n    p.x = 5\n    assert False\nexcept dataclasses.FrozenInstanceError:\n    pass",
)
case(
    "custom exc attrs",
    'class Low(Exception):\n    def __init__(self, need, have):\n        super().__init__(f"need {need}, have {have}")\n        self.need, self.have = need, have\ndef f(a, b):\n    if a > b: raise Low(a, b)\n    return b - a',
    'try:\n    f(5, 3)\n    assert False\nexcept Low as e:\n    assert e.need == 5 and e.have == 3 and str(e) == "need 5, have 3"',
    'e = Low(1, 2)\nassert e.need == 1 and str(e) == "need 1, have 2" and isinstance(e, Exception)\nassert issubclass(Low, Exception)',
)
case(
    "pytest raises",
    'def f(x):\n    if x < 0: raise ValueError("negative value")\n    return x',
    'import pytest\nwith pytest.raises(ValueError, match="negative"):\n    f(-1)\nwith pytest.raises(ValueError) as info:\n    f(-1)\nassert "negative" in str(info.value)',
)
case(
    "pytest functions",
    "def f(x): return x + 1",
    'import pytest\ndef test_one():\n    assert f(1) == 2\ndef test_two():\n    with pytest.raises(TypeError):\n        f("a")',
)
case(
    "unittest",
    "def f(x): return x + 1",
    """
import unittest
class T(unittest.TestCase):
    def setUp(self): self.one = 1
    def test_a(self): self.assertEqual(f(self.one), 2)
    def test_b(self):
        with self.assertRaises(TypeError):
            f("a")
suite = unittest.defaultTestLoader.loadTestsFromTestCase(T)
assert unittest.TextTestRunner().run(suite).wasSuccessful()
""",
)
case(
    "json error",
    "import json\ndef f(s): return json.loads(s)",
    'import json\ntry:\n    f("{")\n    assert False\nexcept json.JSONDecodeError as e:\n    assert "Expecting" in str(e)',
)
case(
    "signature",
    "def f(a, b=2, *args, c, **kw): return 1",
    'import inspect\nsig = inspect.signature(f)\nassert list(sig.parameters) == ["a","b","args","c","kw"] and sig.parameters["b"].default == 2\nassert inspect.isfunction(f) and callable(f) and not inspect.isclass(f)\nassert f.__name__ == "f" and f.__doc__ is None',
)
case(
    "generator fn",
    'def f(n):\n    """count"""\n    x = yield n\n    yield x',
    'import inspect, types\nassert inspect.isgeneratorfunction(f)\ng = f(1)\nassert inspect.isgenerator(g) and isinstance(g, types.GeneratorType)\nfrom collections.abc import Iterator\nassert isinstance(g, Iterator)\nassert next(g) == 1 and g.send(7) == 7\ng.close()\nassert f.__doc__ == "count"',
)
case(
    "stdin",
    "def f():\n    n = int(input())\n    return [int(x) for x in input().split()][:n]",
    'import io, sys\nsys.stdin = io.StringIO("2\\n5 6 7\\n")\nassert f() == [5, 6]',
    'from unittest.mock import patch\nwith patch("builtins.input", side_effect=["1", "9 8"]):\n    assert f() == [9]',
    'import sys, io\nfrom unittest import mock\nwith mock.patch("sys.stdin", io.StringIO("1\\n4\\n")):\n    assert f() == [4]',
)
case(
    "stdin read",
    "import sys\ndef f():\n    return sum(map(int, sys.stdin.read().split()))",
    'import io, sys\nsys.stdin = io.StringIO("1 2\\n3")\nassert f() == 6',
    'import io, sys\nsys.stdin = io.StringIO("1\\n2\\n")\nassert f() == 3',
)
case(
    "patched print",
    'def f():\n    print("a", 1)\n    print("b", end="")',
    'import io, sys\nout = io.StringIO()\nsys.stdout = out\nf()\nsys.stdout = sys.__stdout__\nassert out.getvalue() == "a 1\\nb"',
    'from unittest.mock import patch\nimport io\nwith patch("sys.stdout", new_callable=io.StringIO) as out:\n    f()\nassert out.getvalue() == "a 1\\nb"',
    'from unittest.mock import patch\nwith patch("builtins.print") as p:\n    f()\nassert p.call_count == 2',
)
case(
    "mock",
    'def f(client): return client.get("/x").json()["a"]',
    'from unittest.mock import Mock, MagicMock\nc = Mock()\nc.get.return_value.json.return_value = {"a": 5}\nassert f(c) == 5\nc.get.assert_called_once_with("/x")\nm = MagicMock()\nm.get.return_value.json.return_value = {"a": 6}\nassert f(m) == 6',
)
case(
    "async",
    "import asyncio\nasync def f(x):\n    await asyncio.sleep(0)\n    return x * 2",
    "import asyncio\nassert asyncio.run(f(2)) == 4",
    "import asyncio\nasync def main():\n    a = await f(1)\n    b, c = await asyncio.gather(f(2), f(3))\n    return a, b, c\nassert asyncio.run(main()) == (2, 4, 6)",
    "import asyncio, inspect\nassert inspect.iscoroutinefunction(f) and asyncio.iscoroutinefunction(f)",
    "import asyncio\nloop = asyncio.new_event_loop()\nassert loop.run_until_complete(f(4)) == 8\nloop.close()",
)
case(
    "async callback",
    "async def f(fn, n):\n    return [await fn(i) for i in range(n)]",
    "import asyncio\nasync def dbl(x): return 2 * x\nassert asyncio.run(f(dbl, 3)) == [0, 2, 4]",
)
case(
    "transaction cm",
    "class Tx:\n    def __init__(self, d): self.d = d\n    def __enter__(self):\n        self.saved = dict(self.d)\n        return self.d\n    def __exit__(self, t, v, tb):\n        if t is not None:\n            self.d.clear(); self.d.update(self.saved)\n        return t is KeyError",
    'd = {"a": 1}\ntry:\n    with Tx(d) as x:\n        x["a"] = 2\n        raise ValueError\nexcept ValueError:\n    pass\nassert d == {"a": 1}',
    entry="Tx",
)
case(
    "suppress",
    "class Suppress:\n    def __init__(self, *kinds): self.kinds = kinds\n    def __enter__(self): return self\n    def __exit__(self, t, v, tb): return t is not None and issubclass(t, self.kinds)",
    'with Suppress(ValueError):\n    raise ValueError("x")\ndone = True\nassert done',
    "try:\n    with Suppress(ValueError):\n        raise KeyError(1)\n    assert False\nexcept KeyError:\n    pass",
    entry="Suppress",
)
case(
    "contextmanager",
    'from contextlib import contextmanager\nlog = []\n@contextmanager\ndef f(name):\n    log.append("in " + name)\n    try:\n        yield name.upper()\n    finally:\n        log.append("out " + name)',
    (
        'with f("a") as x:\n    assert x == "A"\nassert log == ["in a"]'
        if False
        else 'with f("a") as x:\n    assert x == "A"'
    ),
)
case(
    "timer cm",
    "import time\nclass Timer:\n    def __enter__(self):\n        self.s = time.perf_counter()\n        return self\n    def __exit__(self, *a): self.elapsed = time.perf_counter() - self.s",
    "with Timer() as t:\n    sum(range(100))\nassert t.elapsed >= 0",
    entry="Timer",
)
case(
    "trie contains",
    "class Trie:\n    def __init__(self): self.w = set()\n    def insert(self, w): self.w.add(w)\n    def __contains__(self, w): return w in self.w\n    def search(self, w): return w in self.w",
    't = Trie()\nt.insert("a")\nassert "a" in t and "b" not in t and t.search("a") and t.search("b") is False',
    entry="Trie",
)
case(
    "LRU",
    "from collections import OrderedDict\nclass LRUCache:\n    def __init__(self, n): self.n, self.d = n, OrderedDict()\n    def get(self, k):\n        if k not in self.d: return -1\n        self.d.move_to_end(k)\n        return self.d[k]\n    def put(self, k, v):\n        self.d[k] = v\n        self.d.move_to_end(k)\n        if len(self.d) > self.n: self.d.popitem(last=False)",
    "c = LRUCache(2)\nc.put(1, 1)\nc.put(2, 2)\nassert c.get(1) == 1\nc.put(3, 3)\nassert c.get(2) == -1\nassert list(c.d.keys()) == [1, 3]\nassert c.d == {1: 1, 3: 3}",
    entry="LRUCache",
)
case(
    "attr list append",
    "class Node:\n    def __init__(self, v):\n        self.v, self.children = v, []\ndef total(n): return n.v + sum(total(c) for c in n.children)",
    "r = Node(1)\nr.children.append(Node(2))\nr.children[0].children.append(Node(3))\nassert total(r) == 6\nassert len(r.children) == 1\nr.children += [Node(4)]\nassert total(r) == 10",
    entry="total",
)
case(
    "attr dict set",
    "class G:\n    def __init__(self): self.adj = {}\n    def edges(self): return sum(map(len, self.adj.values()))",
    'g = G()\ng.adj["a"] = ["b"]\ng.adj.setdefault("a", []).append("c")\nassert g.edges() == 2\ng.adj.update({"z": []})\nassert sorted(g.adj) == ["a", "z"]\ndel g.adj["z"]\nassert "z" not in g.adj',
    entry="G",
)
case(
    "clone graph",
    "class Node:\n    def __init__(self, v, n=None): self.val, self.neighbors = v, n or []\ndef clone(n, m=None):\n    m = {} if m is None else m\n    if n in m: return m[n]\n    c = m[n] = Node(n.val)\n    c.neighbors = [clone(x, m) for x in n.neighbors]\n    return c",
    "a, b = Node(1), Node(2)\na.neighbors = [b]\nb.neighbors = [a]\nc = clone(a)\nassert c is not a and c.val == 1 and c.neighbors[0].val == 2 and c.neighbors[0].neighbors[0] is c and c.neighbors[0] is not b",
    entry="clone",
)
case(
    "nested in place",
    "def f(m):\n    for r in m: r.reverse()",
    "m = [[1,2],[3,4]]\nrow = m[0]\nassert f(m) is None\nassert m == [[2,1],[4,3]] and row == [2,1] and row is m[0]",
    'd = {"a": [1]}\ninner = d["a"]\nf([inner])\nassert inner == [1]',
)
case("kwarg in place", "def f(*, items): items.append(1)", "a = []\nf(items=a)\nassert a == [1]")
case(
    "default arg trap",
    "def f(x, acc=None):\n    acc = [] if acc is None else acc\n    acc.append(x)\n    return acc",
    "assert f(1) == [1] and f(2) == [2]",
)
case("returns same list", "def f(a): return a", "a = [1]\nassert f(a) is a or f(a) == a")
case(
    "deepcopy",
    'class A:\n    def __init__(self): self.d = {"x": [1]}',
    'import copy\na = A()\nb = copy.deepcopy(a)\nb.d["x"].append(2)\nassert a.d == {"x": [1]} and b.d == {"x": [1, 2]}\nc = copy.copy(a)\nassert c is not a and c.d == a.d',
    entry="A",
)
case(
    "decimal",
    "from decimal import Decimal\ndef f(x): return Decimal(x) / 3",
    'from decimal import Decimal\nassert f("1").quantize(Decimal("0.01")) == Decimal("0.33")\nassert isinstance(f("1"), Decimal)',
)
case(
    "numpy",
    "import numpy as np\ndef f(n): return np.eye(n)",
    "import numpy as np\nassert f(2).shape == (2, 2) and np.allclose(f(2), np.array([[1,0],[0,1]])) and f(3).trace() == 3.0\nassert isinstance(f(2), np.ndarray) and f(2).dtype == np.float64\nnp.testing.assert_array_equal(f(2), [[1,0],[0,1]])",
)
case(
    "numpy fn arg",
    "import numpy as np\ndef f(fn, x): return fn(np.array(x))",
    "import numpy as np\nassert f(np.sum, [1,2]) == 3\nassert f(lambda a: a.tolist(), [1]) == [1]",
)
case(
    "dict views", "def f(d): return d.keys()", 'assert list(f({"b": 1, "a": 2})) == ["b", "a"] and f({"x": 1}) == {"x"}'
)
case("dict items", "def f(d): return d.items()", 'assert list(f({"b": 1})) == [("b", 1)] and ("b", 1) in f({"b": 1})')
case(
    "dict values",
    "def f(d): return d.values()",
    'assert list(f({"b": 1})) == [1] and sorted(f({"a": 2, "b": 1})) == [1, 2]',
)
case(
    "regex match",
    'import re\ndef f(s): return re.match(r"(\\d+)", s)',
    'assert f("12a").group(1) == "12" and f("a") is None and f("1")',
)
case("partial", "from functools import partial\ndef f(a): return partial(pow, a)", "assert f(2)(5) == 32")
case(
    "file",
    "def f(path):\n    with open(path) as fh: return fh.read().split()",
    'with open("t.txt", "w") as fh:\n    fh.write("a b")\nassert f("t.txt") == ["a", "b"]',
)
case(
    "filelike",
    "def f(fh): return [line.strip() for line in fh]",
    'import io\nassert f(io.StringIO("a\\nb\\n")) == ["a", "b"]',
)
case(
    "writes to file obj",
    'def f(fh): fh.write("x"); print("y", file=fh)',
    'import io\no = io.StringIO()\nf(o)\nassert o.getvalue() == "xy\\n"',
)
case(
    "from solution",
    "def f(x): return x + 1\nclass B: pass",
    "from solution import f as g\nassert g(1) == 2",
    "import solution\nassert solution.f(2) == 3",
)
case(
    "observer",
    "class Subject:\n    def __init__(self): self.obs = []\n    def attach(self, o): self.obs.append(o)\n    def notify(self, e):\n        for o in self.obs: o.update(e)",
    """
class Obs:
    def __init__(self): self.seen = []
    def update(self, e): self.seen.append(e)
s, o = Subject(), Obs()
s.attach(o)
s.notify("x")
assert o.seen == ["x"]
assert s.obs[0] is o
""",
    entry="Subject",
)
case(
    "event emitter",
    "class E:\n    def __init__(self): self.h = {}\n    def on(self, n, fn): self.h.setdefault(n, []).append(fn)\n    def emit(self, n, *a): return [fn(*a) for fn in self.h.get(n, [])]\n    def off(self, n, fn): self.h[n].remove(fn)",
    """
e = E()
got = []
def h(x): got.append(x)
e.on("a", h)
e.emit("a", 5)
e.off("a", h)
e.emit("a", 6)
assert got == [5]
""",
    entry="E",
)
case(
    "compose",
    "def f(*fns):\n    def g(x):\n        for fn in reversed(fns): x = fn(x)\n        return x\n    return g",
    "assert f(lambda x: x + 1, lambda x: x * 2)(3) == 7\nassert f()(5) == 5",
)
case(
    "curry",
    "import inspect\ndef f(fn):\n    n = len(inspect.signature(fn).parameters)\n    def c(*a):\n        return fn(*a) if len(a) >= n else lambda *b: c(*a, *b)\n    return c",
    "assert f(lambda a, b, c: a + b + c)(1)(2)(3) == 6",
)
case(
    "reduce",
    "def f(fn, xs, init):\n    for x in xs: init = fn(init, x)\n    return init",
    "assert f(lambda a, b: a + [b], [1,2], []) == [1,2]",
)
case(
    "groupby",
    "def f(xs, k):\n    d = {}\n    for x in xs: d.setdefault(k(x), []).append(x)\n    return d",
    'assert f([1,2,3], lambda x: x % 2) == {1: [1,3], 0: [2]}\nassert f([1,2,3], lambda x: "odd" if x % 2 else "even")["odd"] == [1,3]',
)
case(
    "validate exc from cb",
    "def f(fn):\n    try:\n        fn()\n    except Exception as e:\n        return type(e).__name__, str(e)",
    'class Mine(ValueError): pass\ndef r(): raise Mine("m")\nassert f(r) == ("Mine", "m")',
)
case(
    "test exc passes through",
    "def f(fn): return fn()",
    'class Mine(ValueError): pass\ndef r(): raise Mine("m")\ntry:\n    f(r)\n    assert False\nexcept Mine as e:\n    assert str(e) == "m"',
)
case(
    "property setter",
    "class T:\n    def __init__(self, c): self.c = c\n    @property\n    def f(self): return self.c * 9 / 5 + 32\n    @f.setter\n    def f(self, v): self.c = (v - 32) * 5 / 9",
    "t = T(100)\nassert t.f == 212.0\nt.f = 32\nassert t.c == 0.0\nassert isinstance(T.f, property)",
    entry="T",
)
case(
    "static/class",
    "class A:\n    n = 0\n    @classmethod\n    def make(cls): cls.n += 1; return cls()\n    @staticmethod\n    def add(a, b): return a + b",
    "a = A.make()\nassert A.n == 1 and A.add(1, 2) == 3 and isinstance(a, A) and a.n == 1",
    entry="A",
)
case(
    "singleton",
    "class S:\n    _i = None\n    def __new__(cls):\n        if cls._i is None: cls._i = super().__new__(cls)\n        return cls._i",
    "assert S() is S()\nassert id(S()) == id(S())",
    entry="S",
)
case(
    "slots",
    'class P:\n    __slots__ = ("x",)\n    def __init__(self, x): self.x = x',
    'p = P(1)\nassert p.x == 1\ntry:\n    p.y = 2\n    assert False\nexcept AttributeError:\n    pass\nassert not hasattr(p, "__dict__")',
    entry="P",
)
case(
    "dunder hasattr",
    "class P:\n    def __len__(self): return 3",
    'p = P()\nassert hasattr(p, "__len__") and not hasattr(p, "__iter__") and len(p) == 3 and p.__len__() == 3\nassert p.__dict__ == {}',
    entry="P",
)
case(
    "callable obj",
    "class C:\n    def __init__(self): self.n = 0\n    def __call__(self): self.n += 1; return self.n",
    "c = C()\nassert callable(c) and c() == 1 and c.n == 1\nassert not callable(C().n)",
    entry="C",
)
case(
    "iterator class",
    "class Count:\n    def __init__(self, n): self.i, self.n = 0, n\n    def __iter__(self): return self\n    def __next__(self):\n        if self.i >= self.n: raise StopIteration\n        self.i += 1\n        return self.i",
    "assert list(Count(3)) == [1,2,3] and sum(Count(3)) == 6\nit = iter(Count(1))\nassert next(it) == 1 and next(it, None) is None\nassert [a + b for a, b in zip(Count(2), Count(2))] == [2, 4]",
    entry="Count",
)
case(
    "queue order objs",
    "import heapq\nclass T:\n    def __init__(s, p): s.p = p\n    def __lt__(s, o): return s.p < o.p\ndef f(ts):\n    h = []\n    for t in ts: heapq.heappush(h, t)\n    return [heapq.heappop(h).p for _ in range(len(h))]",
    "assert f([T(3), T(1)]) == [1, 3]",
)
case(
    "matrix getitem tuple",
    "class M:\n    def __init__(s, r): s.r = r\n    def __getitem__(s, ij): return s.r[ij[0]][ij[1]]\n    def __setitem__(s, ij, v): s.r[ij[0]][ij[1]] = v\n    def __matmul__(s, o): return M([[sum(a*b for a, b in zip(r, c)) for c in zip(*o.r)] for r in s.r])\n    def __eq__(s, o): return s.r == o.r",
    "m = M([[1,2],[3,4]])\nassert m[0, 1] == 2\nm[0, 1] = 5\nassert m.r == [[1,5],[3,4]]\nassert (m @ M([[1,0],[0,1]])) == m\nassert m.r[0][0] == 1",
    entry="M",
)
case(
    "slice",
    "class S:\n    def __init__(s, d): s.d = d\n    def __getitem__(s, i): return s.d[i]",
    "s = S([1,2,3])\nassert s[1:] == [2,3] and s[-1] == 3 and list(s) == [1,2,3]",
    entry="S",
)
case(
    "format",
    'class M:\n    def __init__(s, v): s.v = v\n    def __format__(s, spec): return f"${s.v:{spec}}"\n    def __str__(s): return "m"\n    def __int__(s): return 7\n    def __float__(s): return 1.5\n    def __bool__(s): return False\n    def __index__(s): return 2\n    def __round__(s, n=0): return 9',
    'm = M(3)\nassert f"{m:.2f}" == "$3.00" and "%s" % m == "m" and int(m) == 7 and float(m) == 1.5 and not m and [1,2,3][m] == 3 and round(m) == 9 and "{}".format(m) == "$3"',
    entry="M",
)
case(
    "system exit",
    "import sys\ndef f(): sys.exit(2)",
    "try:\n    f()\n    assert False\nexcept SystemExit as e:\n    assert e.code == 2",
)
case(
    "warns", 'import warnings\ndef f():\n    warnings.warn("old", DeprecationWarning)\n    return 1', "assert f() == 1"
)
case("logging", 'import logging\ndef f():\n    logging.getLogger("x").warning("hey")\n    return 1', "assert f() == 1")
case(
    "frozen set of objs",
    "class A:\n    def __init__(s, v): s.v = v\n    def __hash__(s): return hash(s.v)\n    def __eq__(s, o): return s.v == o.v\ndef f(xs): return set(A(x) for x in xs)",
    "s = f([1,1,2])\nassert len(s) == 2 and A(1) in s and {a.v for a in s} == {1, 2}",
)
case(
    "dict of objs",
    'class A: pass\ndef f(): return {"a": A(), "b": [A()]}',
    'd = f()\nassert set(d) == {"a", "b"} and isinstance(d["a"], A) and isinstance(d["b"][0], A)',
)
case(
    "tree from list in setup",
    "class TreeNode:\n    def __init__(s, val=0, left=None, right=None): s.val, s.left, s.right = val, left, right\nclass Solution:\n    def maxDepth(self, root): return 0 if not root else 1 + max(self.maxDepth(root.left), self.maxDepth(root.right))",
    "assert Solution().maxDepth(TreeNode(1, TreeNode(2), None)) == 2\nassert Solution().maxDepth(None) == 0",
    entry="Solution().maxDepth",
)
case(
    "bank",
    'class Insufficient(Exception): pass\nclass Account:\n    def __init__(self, b=0): self._b = b\n    @property\n    def balance(self): return self._b\n    def withdraw(self, n):\n        if n > self._b: raise Insufficient(f"short by {n - self._b}")\n        self._b -= n',
    'a = Account(10)\na.withdraw(3)\nassert a.balance == 7\ntry:\n    a.withdraw(100)\n    raise AssertionError("no error")\nexcept Insufficient as e:\n    assert "short by 93" in str(e)\ntry:\n    a.balance = 5\n    assert False\nexcept AttributeError:\n    pass',
    entry="Account",
)
case("time", "import time\ndef f(): return time.time()", "import time\nassert abs(f() - time.time()) < 5")
case(
    "thread callback",
    "import threading\ndef f(fn, n):\n    ts = [threading.Thread(target=fn, args=(i,)) for i in range(n)]\n    for t in ts: t.start()\n    for t in ts: t.join()",
    "seen = []\nf(seen.append, 4)\nassert sorted(seen) == [0,1,2,3]",
)
case(
    "pool",
    "from concurrent.futures import ThreadPoolExecutor\ndef f(fn, xs):\n    with ThreadPoolExecutor(2) as ex: return list(ex.map(fn, xs))",
    "assert f(lambda x: x * 2, [1,2,3]) == [2,4,6]",
)
case(
    "weird names",
    "import sys as json\nresult = expected = None\ndef check(*a): return False\ndef f(x): return x",
    "assert f(1) == 1",
)
case("print returns", 'def f(x): print("dbg", x); return x', "assert f(3) == 3")
case(
    "seeded random",
    "import random\ndef f(seed):\n    random.seed(seed)\n    return random.randint(0, 100)",
    "import random\nrandom.seed(1)\nassert f(1) == random.randint(0, 100)",
)
case("big int", "def f(n): return 10 ** n", "assert f(5000) == 10 ** 5000\nassert f(5000) % 7 == pow(10, 5000, 7)")
case(
    "bytes",
    "def f(b): return bytearray(b)",
    'b = f(b"ab")\nb.append(99)\nassert b == b"abc"\nassert isinstance(f(b""), bytearray)',
)
case(
    "typing",
    "from typing import *\ndef f(x: int) -> List[int]: return [x]",
    'import typing\nassert f(1) == [1]\nassert f.__annotations__["x"] is int\nassert typing.get_type_hints(f)["x"] is int',
)

case(
    "queue gen send",
    "def f():\n    total = 0\n    while True:\n        x = yield total\n        if x is None: return\n        total += x",
    "g = f()\nnext(g)\nassert g.send(5) == 5 and g.send(6) == 11\ntry:\n    g.send(None)\n    assert False\nexcept StopIteration:\n    pass",
)
case(
    "gen throw",
    'def f():\n    try:\n        yield 1\n    except ValueError:\n        yield "caught"',
    'g = f()\nnext(g)\nassert g.throw(ValueError) == "caught"\ng = f()\nnext(g)\nassert g.throw(ValueError("x")) == "caught"',
)
case(
    "cause",
    'def f():\n    try:\n        {}["a"]\n    except KeyError as e:\n        raise ValueError("bad") from e',
    "try:\n    f()\n    assert False\nexcept ValueError as e:\n    assert isinstance(e.__cause__, KeyError)",
)
case(
    "total_ordering",
    "from functools import total_ordering\n@total_ordering\nclass V:\n    def __init__(s, x): s.x = x\n    def __eq__(s, o): return s.x == o.x\n    def __lt__(s, o): return s.x < o.x",
    "assert V(1) <= V(2) and V(2) >= V(1) and max([V(1), V(3)]).x == 3 and sorted([V(2), V(1)])[0] == V(1)",
    entry="V",
)
case(
    "temperature cmp num",
    "class T:\n    def __init__(s, d): s.d = d\n    def __lt__(s, o): return s.d < o\n    def __add__(s, o): return T(s.d + o)",
    "assert (T(1) + 2).d == 3",
    entry="T",
)
case(
    "getattr default",
    "class A: pass",
    'a = A()\nassert getattr(a, "x", 5) == 5\na.x = 1\nassert vars(a) == {"x": 1} and a.__dict__ == {"x": 1}\ndelattr(a, "x")\nassert not hasattr(a, "x")\nassert "x" not in dir(a)',
    entry="A",
)

case("weakref", "class A: pass", "import weakref\na = A()\nr = weakref.ref(a)\nassert r() is a", entry="A")
case("mutual default", "def f(*args, **kw): return args, kw", 'assert f(1, *[2], a=3) == ((1, 2), {"a": 3})')
case(
    "chained gen",
    "def f(n):\n    a, b = 0, 1\n    while True:\n        yield a\n        a, b = b, a + b",
    "import itertools\nassert list(itertools.islice(f(0), 6)) == [0,1,1,2,3,5]",
)
case(
    "str subclass",
    'class S(str):\n    def shout(self): return self.upper() + "!"\ndef f(x): return S(x)',
    's = f("a")\nassert s == "a" and s.shout() == "A!" and len(s) == 1 and s + "b" == "ab" and isinstance(s, str) and s.upper() == "A" and f"{s}" == "a"',
)
case(
    "dict subclass",
    "class D(dict):\n    def __getattr__(s, k): return s[k]\n    def inc(self, k): self[k] = self.get(k, 0) + 1",
    'd = D()\nd.inc("a")\nassert d == {"a": 1} and d["a"] == 1 and d.a == 1 and "a" in d and len(d) == 1 and list(d.items()) == [("a", 1)]',
    entry="D",
)

case(
    "eval repr",
    'class P:\n    def __init__(s, x): s.x = x\n    def __repr__(s): return f"P({s.x!r})"\n    def __eq__(s, o): return s.x == o.x',
    'assert eval(repr(P(3))) == P(3)\nassert eval("P(3) == P(3)") and not eval("P(3) == P(4)")',
    entry="P",
)
case(
    "eval own",
    "def f(x): return x",
    'for e, w in [("f(1)", 1), ("f(2) + 1", 3)]:\n    assert eval(e) == w',
    'ns = {}\nexec("a = 5", ns)\nassert ns["a"] == f(5)',
    'exec("b = f(2)")\nassert b == 2',
    'def t():\n    y = 3\n    return eval("f(y)")\nassert t() == 3',
)
case(
    "eq mod",
    "class Mod:\n    def __init__(s, a, n): s.a, s.n = a % n, n\n    def __add__(s, o): return Mod(s.a + o.a, s.n)\n    def __eq__(s, o): return (s.a, s.n) == (o.a, o.n)",
    "assert Mod(3, 7) + Mod(5, 7) == Mod(1, 7) == Mod(8, 7)",
    entry="Mod",
)
case(
    "eq name only",
    "class P:\n    def __init__(s, name, tags=None): s.name = name\n    def __eq__(s, o): return s.name.lower() == o.name.lower()",
    'assert P("a", tags=[1]) == P("A", tags=[2])',
    entry="P",
)
case(
    "eq date",
    "class D:\n    def __init__(s, y, m, d):\n        if not 1 <= m <= 12 or not 1 <= d <= 31: raise ValueError\n        s.t = (y, m, d)\n    def __eq__(s, o): return s.t == o.t",
    "assert D(2020, 12, 31) == D(2020, 12, 31)",
    entry="D",
)
case("eq noargs", "class E:\n    def __eq__(s, o): return isinstance(o, E)", "assert E() == E()", entry="E")
case(
    "singletons",
    "class S:\n    inst = None\n    def __new__(cls, v=0):\n        cls.inst = cls.inst or super().__new__(cls)\n        return cls.inst",
    "assert S(1) == S(2) and S(1) is S(2)",
    entry="S",
)
case(
    "count instances",
    "class A:\n    n = 0\n    def __init__(s, x): A.n += 1; s.x = x\n    def __eq__(s, o): return s.x == o.x",
    "assert A(1) == A(1)\nassert A.n == 2",
    "assert A.n == 2",
    entry="A",
)
case(
    "program np",
    "import numpy as np\nfrom collections import Counter\nfrom datetime import datetime\ndef f(n): return np.arange(n)",
    'assert np.allclose(f(2), [0, 1]) and Counter("aa") == {"a": 2} and datetime(2020, 1, 1).year == 2020',
)
case(
    "empty arrays",
    "import numpy as np\ndef f(a): return np.array(a) * 2.0",
    "import numpy as np\nassert np.allclose(f([]), []) and f([]).size == 0 and (f([]) == np.array([])).all() and f([]).sum() == 0 and type(f([])) is np.ndarray and np.concatenate([f([]), f([1])]).tolist() == [2.0]",
)
case(
    "method called very often",
    "class S:\n    def __init__(s): s.d = []\n    def push(s, x): s.d.append(x)",
    "s = S()\nfor i in range(3000):\n    s.push(i)\n    s.d.append(i)\nassert len(s.d) == 6000 and s.push is s.push",
    entry="S",
)


case(
    "file that is not there",
    "def f(name): return open(name)",
    "import errno\ntry:\n    f('nothing.txt')\nexcept OSError as e:\n"
    "    assert type(e) is FileNotFoundError and e.errno == errno.ENOENT and e.filename == 'nothing.txt'\n"
    "    assert str(e) == \"[Errno 2] No such file or directory: 'nothing.txt'\"\nelse: assert False",
)
LIST_NODE = """
class ListNode:
    def __init__(self, val=0, next=None):
        self.val, self.next = val, next

def make(values):
    head = None
    for value in reversed(values):
        head = ListNode(value, head)
    return head

def values_of(node):
    found = []
    while node:
        found.append(node.val)
        node = node.next
    return found
"""
case(
    "class that the prompt shows and the setup defines",
    "from typing import Optional\nclass Solution:\n    def f(self, head: Optional[ListNode]) -> Optional[ListNode]:\n"
    "        before = None\n        while head:\n            assert isinstance(head, ListNode)\n"
    "            before, head.next, head = head, before, head.next\n        return before",
    "assert values_of(Solution().f(make([1, 2, 3]))) == [3, 2, 1]",
    "assert Solution().f(None) is None and type(Solution().f(make([1]))) is ListNode",
    entry="Solution.f",
    setup=LIST_NODE,
    prompt="Reverse a linked list of ListNode.",
)


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    server = ForkServer()
    yield server
    server.close()


def judge(server: ForkServer, case: Case) -> Outcome:
    tests = tuple(map(AssertTest, case.tests))
    problem = Problem(task_id="t", tests=tests, entry_point=case.entry, setup=case.setup, prompt=case.prompt)
    return run_suite(server, Suite.of(problem), case.program, LIMITS)


@pytest.mark.parametrize("name", CASES)
def test_honest_program_passes(server, name: str) -> None:
    outcome = judge(server, CASES[name])
    assert outcome.verdict is Verdict.PASSED, outcome.detail


@pytest.mark.parametrize("name", CASES)
def test_program_that_lacks_what_is_tested_fails(server, name: str) -> None:
    """A test that asserts nothing about the program would pass without it."""
    outcome = judge(server, CASES[name]._replace(program="x = 1"))
    assert outcome.verdict is not Verdict.PASSED


UNJUDGED = {
    "equality with plain data": (
        "class Money:\n    def __init__(s, v): s.v = v\n    def __eq__(s, o): return s.v == o",
        "assert Money(5) == 5",
        "cannot be judged soundly",
    ),
    "pickle": ("class A: pass", "import pickle\nassert pickle.loads(pickle.dumps(A()))", "a test cannot do this"),
    "file of the test": ("def f(p): return open(p).read()", "import os\nos.mkdir('x')\nassert f('x')", "a test cannot do this"),
    "equality of what was returned": (
        "class A:\n    def __sub__(s, o): return 0\ndef f(x): return A()",
        "assert f(1) - 1 == 0",
        "cannot be judged soundly",
    ),
    "StopIteration of a function": ("def f(x): raise StopIteration", "assert list(map(f, [1])) == []", "would end by it"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNJUDGED)
def test_what_cannot_be_judged_fails_and_says_so(server, name: str) -> None:
    program, code, words = UNJUDGED[name]
    outcome = judge(server, Case(program, (code,), "f", ""))
    assert outcome.verdict in (Verdict.WRONG_ANSWER, Verdict.RUNTIME_ERROR)
    assert words in outcome.detail
