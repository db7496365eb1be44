"""What counts as a program that can do nothing but compute, and what must not."""

from __future__ import annotations

import importlib
import types
from typing import Any

import pytest

from staged_reward import self_contained
from staged_reward.self_contained import is_self_contained

PLAIN = [
    "def f(a, b=2, *c, **d):\n    return sorted(a, key=lambda x: -x)[::-1] + [b, *c]",
    "import math\nfrom typing import List, Optional\n\ndef f(x: List[int]) -> Optional[int]:\n    return math.floor(x[0])",
    "from collections import Counter\nn = {}\ndef f(s):\n    global n\n    n[s] = Counter(s).most_common(1)\n    return n",
    "def f(x):\n    if type(x) == int or type(x) is str:\n        return f'{x!r:>5}'\n    return False == type(x)",
    "import functools\n@functools.lru_cache(None)\ndef f(n):\n    return n if n < 2 else f(n - 1) + f(n - 2)",
    "def f(x):\n    try:\n        return int(x)\n    except (ValueError, TypeError) as e:\n        return str(e.args)",
    "def f(n):\n    def inner():\n        nonlocal n\n        n += 1\n        yield n\n    return list(inner())",
    "import re\ndef f(s):\n    return re.sub(r'[aeiou]', lambda m: m.group(0).upper(), s)",
    "def f(x):\n    return x\n\nif __name__ == '__main__':\n    print(f(1))",
    "def f(x):\n    return undefined_helper(x)",
    "def f(x):\n    if x:\n        raise Exception('{:>{}} {0[1]}'.format(x, 2))\n    return map('{}'.format, x)",
    "\ufeffdef f(x):\n    return x",
]  # fmt: skip

NOT_PLAIN = [
    "def f(x):\n    return open(x)",
    "def f(x):\n    open = len\n    return open(x)\ndef g(x):\n    return open(x)",
    "def f(x):\n    exec(x)",
    "def f(x):\n    return eval(x)",
    "f = compile",
    "def f(x):\n    return getattr(x, 'y')",
    "def f(x):\n    return __import__('os')",
    "def f(x):\n    return __builtins__",
    "def f(x):\n    return \uff3f\uff3fbuiltins\uff3f\uff3f",
    "def f(x):\n    return f.__globals__",
    "def f(x):\n    return f.\uff3f\uff3fglobals\uff3f\uff3f",
    "def f(x):\n    g = (i for i in x)\n    return g.gi_frame",
    "def f(x):\n    try:\n        1 / 0\n    except Exception as e:\n        return e.tb_frame",
    "import math\nmath.pi = 3\ndef f(x):\n    return x",
    "import math\ndef f(x):\n    for math.pi in x:\n        pass",
    "import math\ndef f(x):\n    del math.pi",
    "import math\ndef f(x):\n    math.pi += 1",
    "import math\ndef f(x):\n    (math.pi): int = 3",
    "import math\ndef f(x):\n    [math.pi, y] = x",
    "import sys\ndef f(x):\n    return x",
    "import os.path",
    "import collections.abc",
    "from math import *",
    "from . import math",
    "from operator import attrgetter",
    "import operator\ndef f(x):\n    return operator.attrgetter('y')(x)",
    "import string\ndef f(x):\n    return string.Formatter()",
    "import functools\nf = functools.update_wrapper",
    "import re\nf = re.enum",
    "import random\ndef f(x):\n    return random.random()",
    "import time\ndef f(x):\n    return time.time()",
    "class A:\n    pass",
    "def f(x):\n    return type('A', (), {})",
    "def f(x):\n    return type(x)(x)",
    "def f(x):\n    return type(type(x)) == x or (type)(*x)",
    "def f(x):\n    return type(*x) == int",
    "def f(x):\n    with x:\n        pass",
    "async def f(x):\n    pass",
    "def f(x):\n    match x:\n        case 1:\n            return 2",
    "def f(x):\n    return input()",
    "def f(x):\n    return id(x)",
    "def f(x):\n    return globals()",
    "def f(x):\n    return vars()",
    "def f(x):\n    return super()",
    "def f(x):\n    exit()",
    "def f(x):\n    breakpoint()",
    "def f(x):\n    raise SystemExit",
    "def g():\n    try:\n        yield 1\n    finally:\n        print(2)\ndef f(x):\n    return x",
    "def f(x):\n    try:\n        return f(x)\n    finally:\n        return x",
    "def f(x):\n    while x:\n        try:\n            return f(x)\n        finally:\n            break\n    return x",
    "def f(x):\n    for y in x:\n        try:\n            f(y)\n        finally:\n            if y: continue",
    "def f(x):\n    try:\n        return (yield from x)\n    except ValueError:\n        return 1",
    "def f(x):\n    try:\n        return f(x)\n    except Exception:\n        return 1",
    "def f(x):\n    try:\n        return f(x)\n    except:\n        return 1",
    "def f(x):\n    try:\n        return f(x)\n    except (ValueError, Exception):\n        return 1",
    "ValueError = Exception\ndef f(x):\n    try:\n        return f(x)\n    except ValueError:\n        return 1",
    "def f(x, ValueError=Exception):\n    try:\n        return f(x)\n    except ValueError:\n        return 1",
    "def f(x):\n    return '{0.real}'.format(x)",
    "def f(x):\n    return '{:{0.real}}'.format(x)",
    "def f(x):\n    return '{0.real} {'.format(x)",
    "def f(x, y):\n    return y.format(x)",
    "def f(x):\n    return [y async for y in x]",
    "def __getattr__(x):\n    return x",
    "def f(x:",
    "f = '\0'",
]


@pytest.mark.parametrize("program", PLAIN)
def test_what_only_computes_is_told(program: str) -> None:
    assert is_self_contained(program)


@pytest.mark.parametrize("program", NOT_PLAIN)
def test_what_may_do_more_is_told(program: str) -> None:
    assert not is_self_contained(program)


def test_what_is_listed_is_there() -> None:
    for name, known in self_contained._OF_MODULES.items():
        module = importlib.import_module(name)
        assert [item for item in known if not hasattr(module, item)] == []


def reachable() -> list[Any]:
    """Return a value of each kind that a self-contained program gets hold of, and all that its attributes give."""

    def function(x: Any) -> Any:
        yield x

    modules = [importlib.import_module(name) for name in self_contained._OF_MODULES]
    namespace: dict[str, Any] = {}
    exec("import collections, functools, re, hashlib, itertools, typing, operator", namespace)
    expressions = [
        "1", "1.5", "1j", "'a'", "b'a'", "[1]", "(1,)", "{1}", "frozenset()", "{1: 2}", "range(3)", "slice(1)",
        "iter([])", "enumerate([])", "zip()", "map(len, [])", "reversed([1])", "{}.items()", "lambda: 0", "len",
        "print", "int", "dict", "ValueError(1)", "ValueError", "collections.Counter('a')", "collections.deque([1])",
        "collections.OrderedDict()", "collections.defaultdict(list)", "functools.partial(len)",
        "functools.lru_cache(None)(len)", "(lambda x: (yield))(1)", "functools.cmp_to_key(max)(1)", "re.compile('a')",
        "re.match('a', 'a')", "hashlib.md5()", "itertools.count()", "typing.List", "typing.List[int]",
        "typing.Optional[int]", "typing.Callable", "operator.itemgetter(1)", "None",
    ]  # fmt: skip
    waiting = [eval(expression, namespace) for expression in expressions] + [function, function(1), *modules]
    found: dict[Any, Any] = {}
    while waiting:
        value = waiting.pop()
        key = value if isinstance(value, type | types.ModuleType | types.FunctionType) else type(value)
        if key in found:
            continue
        found[key] = value
        for name in self_contained._ATTRIBUTES:
            try:
                waiting.append(getattr(value, name))
            except Exception:  # noqa: BLE001, S112  it has none, or refuses
                continue
    return list(found.values())


def test_attributes_lead_to_nothing_that_others_could_meet() -> None:
    """No module but those that are named, no frame, no code, and nothing changeable that is there twice."""
    modules = [importlib.import_module(name) for name in self_contained._OF_MODULES]
    kinds = (types.FrameType, types.CodeType, types.TracebackType)
    for value in reachable():
        assert not isinstance(value, kinds)
        assert not isinstance(value, types.ModuleType) or value in modules
        for name in self_contained._ATTRIBUTES:
            found = [getattr(value, name, None) for _ in range(2)]
            assert not (found[0] is found[1] and isinstance(found[0], list | dict | set | bytearray)), (value, name)


def test_builtins_are_no_way_out() -> None:
    assert self_contained._BUILTINS.isdisjoint(
        {"open", "exec", "eval", "compile", "getattr", "setattr", "delattr", "vars", "globals", "locals", "type", "object",
         "super", "id", "hash", "dir", "input", "memoryview", "breakpoint", "help", "exit", "quit", "__import__"}
    )  # fmt: skip
