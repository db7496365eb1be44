"""Loops that are shown not to end: no program that ends is taken for one, and what repeats itself is found soon."""

from __future__ import annotations

import signal
import sys
import time
import types
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from staged_reward import Limits, Problem, StagedVerifier, Verdict, worker
from staged_reward.problem import CallTest
from staged_reward.sandbox import endless, shared
from staged_reward.sandbox.endless import EndlessLoopError, EndlessLoops
from staged_reward.self_contained import is_self_contained
from staged_reward.worker import Job, Lesson, Worker

ENDLESS = "endless"
HELPERS = """\
    n = 0
    def clear():
        nonlocal n
        n = 0
        return 0
    def keep(k, _):
        nonlocal n
        n = k
"""


def programs_of(text: str) -> dict[str, str]:
    """Return programs by their headings."""
    heads, sources = zip(*(part.split("\n", 1) for part in text.split("## ")[1:]), strict=True)
    return {head: source.replace("HELPERS", HELPERS) for head, source in zip(heads, sources, strict=True)}


# They end, after a while; what they count with is hidden in various places.
END = programs_of("""
## a variable
def f():
    n = 0
    while n < 300:
        n += 1
    return n
## a variable of the module
n = 0
def f():
    global n
    while n < 300:
        n += 1
    return n
## a default
def g(n=[0]):
    n[0] += 1
    return n[0]
def f():
    while g() < 300:
        pass
    return 7
## a default by name
def g(*, n=[0]):
    n[0] += 1
    return n[0]
def f():
    while g() < 300:
        pass
    return 7
## an outer function
def f():
    n = 0
    def g():
        nonlocal n
        n += 1
        return n < 300
    while g():
        pass
    return n
## an outer function, by the module
def make():
    n = [0]
    def g():
        n[0] += 1
        return n[0] < 300
    return g
g = make()
def f():
    while g():
        pass
    return 7
## an iterator
def f():
    numbers = iter(range(300))
    while next(numbers) < 299:
        pass
    return 7
## an iterator of a list
def f():
    numbers = iter([0] * 60 + [1])
    while next(numbers) != 1:
        k = 0
        while k < 30:
            k += 1
    return 7
## a comprehension of two loops
def f():
    grid = [[0] * 5 + [1] for _ in range(6)]
    turns = 0
    while sum(1 for row in grid for cell in row if cell) > 0:
        grid[turns // 6][turns % 6] = 0
        turns += 1
    return turns
## a comprehension of two loops, as the first statement
def f():
    grid = [[0] * 5 + [1] for _ in range(6)]
    turns = 0
    while turns < 9:
        cells = [cell for row in grid for cell in row]
        turns += 1
    return cells, turns
## arguments on the next line
def f():
HELPERS
    while n < 300: keep(n + 1,
        clear())
    return n
## arguments on the next line, after another statement
def f():
HELPERS
    while n < 300:
        x = 1; keep(n + 1,
            clear())
    return n
## arguments on the next line, in an if
def f():
HELPERS
    while n < 300:
        if n < 400: keep(n + 1,
            clear())
    return n
## a body on the last line of its test
def f():
    n = m = 0
    def clear():
        nonlocal n, m
        n = m = 0
        return 0
    while (m := n + clear() +
           len('')) < 300: n = m + 1
    return m
## a statement that goes on
def f():
    n = 0
    def clear():
        nonlocal n
        k, n = n, 0
        return k
    while n < 300:
        x = 1; n += 1 + \
            clear()
    return n
## the name of the module
def f():
    global __name__
    __name__ = 0
    while __name__ < 300:
        __name__ += 1
    return __name__
## functions at one address
h = lambda: 20
def f():
    global h
    while h():
        k = h()
        h = None
        if k == 20: h = lambda: 19
        elif k == 19: h = lambda: 18
        elif k == 18: h = lambda: 17
        elif k == 17: h = lambda: 16
        elif k == 16: h = lambda: 15
        else: h = lambda: 0
        k = None
    return 7
## which of equal NaNs comes first
def f():
    row = [float('nan') for _ in range(50)]
    x = row[0]
    row.append(row.pop(0))
    while [row[0]] != [x]:
        k = 0
        row.append(row.pop(0))
    return 7
## what was in an empty set
def f():
    s = set()
    while True:
        k = 0
        s.add(0)
        s.add(1)
        if list(s) == [1, 0]:
            return 7
        s.discard(0)
        s.discard(1)
## iterators of what has changed
from collections import deque
def f():
    q = deque([1])
    its = [iter(q)]
    q.append(1)
    q.pop()
    its = [iter(q) for _ in range(40)] + its
    try:
        while its:
            k = 0
            its.append(iter(q))
            next(its.pop(0))
    except RuntimeError:
        return 7
## a generator
def g():
    for n in range(300):
        yield n
def f():
    numbers = g()
    while next(numbers) < 299:
        pass
    return 7
## a generator expression
def f():
    numbers = (n for n in range(300))
    while next(numbers) < 299:
        pass
    return 7
## a generator that loops
def g():
    while True:
        yield 1
def f():
    n = 0
    for one in g():
        n += one
        if n == 300:
            return n
## itertools
from itertools import count
numbers = count()
def f():
    while next(numbers) < 300:
        pass
    return 7
## a bound method
def f():
    take = iter(list(range(60))).__next__
    while take() < 59:
        k = 0
        while k < 30:
            k += 1
    return 7
## a for around it
def f():
    k = 0
    for _ in range(300):
        while k:
            k = 0
        k = 1
    return 7
## a for around it, of one length
def f():
    for n in [0] * 300 + [1]:
        k = 2
        while k:
            k -= 1
    return n
## a for as its first statement
def f():
    n = 0
    while n == 0:
        for n in [0] * 300 + [1]:
            pass
    return n
## a for as its first statement, on one line
def f():
    n = 0
    while n == 0:
        for n in [0] * 300 + [1]: pass
    return n
## a for in it
def f():
    n = 0
    while n < 30:
        for k in range(60):
            pass
        n += 1
    return n
## a set
def f():
    seen = set()
    while len(seen) < 300:
        seen.add(len(seen))
    return 7
## a cache
from functools import lru_cache
n = [0]
@lru_cache(maxsize=None)
def g(k):
    return k
def f():
    while g(n[0]) < 300:
        n[0] += 1
    return 7
## full caches, each of which lets another forget
from functools import lru_cache
mode = 1
@lru_cache(maxsize=2)
def a(k):
    return mode
@lru_cache(maxsize=2)
def b(k):
    return mode
@lru_cache(maxsize=2)
def c(k):
    return mode
def f():
    global mode
    a(0), b(0), c(0)
    mode = 0
    while c(0):
        if b(0) == 0:
            c(1), c(2)
        if a(0) == 0:
            b(1), b(2)
        a(1), a(2)
    return 7
## which of equal objects comes first
def f():
    row = [int('1' + '0' * 20) for _ in range(50)]
    first = row[0]
    row.append(row.pop(0))
    while row[0] is not first:
        k = 0
        while k < 5:
            k += 1
        row.append(row.pop(0))
    return 7
## which of equal lists is changed
def f():
    rows = [[] for _ in range(40)]
    a = rows[0]
    n = 0
    while not rows[0]:
        k = 0
        while k < 60:
            k += 1
        rows.append(rows.pop(0))
        n += 1
        if n == 60:
            rows[0].append(1)
    return 7
## half an expression with what it knows
def f():
    n = m = 0
    def clear():
        nonlocal n, m
        n = m = 0
        return 0
    while (m := n + (
        clear()
    )) < 300:
        n = m + 1
    return m
## one line, and two places in it
def f():
    n = 2
    while (n := n - 1) < 300: n += 2
    return n
## half an expression
def f():
    n = 0
    def g(k):
        nonlocal n
        n += 1
        return k
    while (g(1) and
           n < 300):
        g(
            2
        )
    return 7
## one line
def f():
    n = 0
    while n < 300: n += 1
    return n
## a walrus
def f():
    n = 0
    while (n := n + 1) < 300:
        pass
    return n
## exceptions
def f():
    n = 0
    while True:
        try:
            n += 1
            if n % 2:
                raise ValueError
        except ValueError:
            continue
        if n >= 300:
            break
    return n
## a queue
from collections import deque
def f():
    q, n = deque([1] * 300), 0
    while q:
        q.popleft()
    return 7
## a long cycle
def f():
    a, b = 1, 0
    while (a, b) != (0, 1):
        a, b = (a + 7) % 101, (b + (a == 100)) % 211
    return 7
## recursion
def g(n):
    k = 0
    while k < 3:
        k += 1
    return n if n == 0 else g(n - 1)
def f():
    n = 0
    while n < 100:
        g(50)
        n += 1
    return n
""")

REPEAT = programs_of("""
## nothing
def f():
    while True:
        pass
## one line
def f():
    while 1: x = 2
## a condition
def f():
    n = 15
    best = 1
    i = 2
    while i * i <= n:
        if n % i:
            i += 1
        else:
            best = i
## a cycle
def f():
    n = 0
    while n < 100:
        n = (n + 1) % 20
## a call
def g(s):
    return ''.join(sorted(s))
def f():
    s = 'cab'
    while len(s) > 2:
        s = g(s)
## a queue
def f():
    q = [1, [2], {3: 4}]
    while q:
        q.append(q.pop(0))
## loops in it
def f():
    s = 'abcab'
    while len(s) > 2:
        for c in s:
            k = 0
            while k < 3:
                k += 1
        s = s[::-1]
## an outer function
def f():
    n = 5
    def g():
        return n
    while g():
        pass
## a function that calls itself
def f():
    def g(k):
        return g(k - 1) if k else 1
    while g(3):
        pass
## the module
n = 3
while n:
    n = 4 - (4 - n)
def f():
    return 1
## exceptions
def f():
    while True:
        try:
            int('x')
        except ValueError:
            continue
## a sound identity
def f():
    x = None
    while x is None:
        pass
## a generator
def g():
    k = 1
    while k:
        k = 1
    yield k
def f():
    return list(g())
""")


def outcome_of(source: str) -> Any:
    """Return what `f` of a program returns, or that it does not end; all of the program is looked at, from its beginning."""
    module = sys.modules["solution"] = types.ModuleType(
        "solution"
    )  # where a program's functions are found by their names
    namespace = module.__dict__
    look = endless.Look(namespace, endless.places_of_loops(source), [sys._getframe()], seconds=60.0)
    sys.settrace(lambda frame, event, _: look.trace if frame.f_globals is namespace else None)
    try:
        exec(compile(source, "<program>", "exec"), namespace)
        return namespace["f"]()
    except EndlessLoopError:
        return ENDLESS
    finally:
        sys.settrace(None)
        del sys.modules["solution"]


def truth_of(source: str) -> Any:
    namespace: dict[str, Any] = {}
    exec(source, namespace)
    return namespace["f"]()


@pytest.mark.parametrize("name", END)
def test_what_ends_is_left_to_end(name: str) -> None:
    assert outcome_of(END[name]) == truth_of(END[name])


@pytest.mark.parametrize("name", REPEAT)
def test_what_repeats_itself_is_found(name: str) -> None:
    assert is_self_contained(REPEAT[name])
    assert outcome_of(REPEAT[name]) == ENDLESS


VARIABLES = "abc"
NUMBERS = st.integers(0, 6)
EXPRESSIONS = st.one_of(
    NUMBERS.map(str),
    st.sampled_from(VARIABLES),
    st.sampled_from(["q[0]", "len(q)", "q[-1]", "g(a)", "next(it, 9)"]),
    st.builds(
        "({} * {} + {}) % {}".format,
        st.sampled_from(VARIABLES),
        NUMBERS,
        st.sampled_from(VARIABLES),
        st.integers(2, 40),
    ),
)
CONDITIONS = st.builds("{} {} {}".format, EXPRESSIONS, st.sampled_from(["<", "!=", "=="]), EXPRESSIONS)
SIMPLE = st.one_of(
    st.builds("{} = {}".format, st.sampled_from(VARIABLES), EXPRESSIONS),
    st.sampled_from(
        ["q.append(q.pop(0))", "q[0] = a % 50", "q.append(b % 9)", "a = len(q) > 1 and q.pop()", "b += 1", "h()"]
    ),
    st.builds("if {}: break".format, CONDITIONS),
    st.builds("if {}: continue".format, CONDITIONS),
)


def indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def block(inner: st.SearchStrategy[list[str]]) -> st.SearchStrategy[list[str]]:
    lines = st.lists(inner, min_size=1, max_size=4).map(lambda found: [line for one in found for line in one])
    return st.one_of(
        st.builds(lambda test, body: [f"while {test}:", "    tick()", *indented(body)], CONDITIONS, lines),
        st.builds(
            lambda n, body: [f"for {VARIABLES[n % 3]} in range({n}):", "    tick()", *indented(body)], NUMBERS, lines
        ),
        st.builds(lambda test, body: [f"if {test}:", "    tick()", *indented(body)], CONDITIONS, lines),
    )


BODIES = st.recursive(SIMPLE.map(lambda line: [line]), block, max_leaves=10)


def program(body: list[str]) -> str:
    """Return a program that loops around a body."""
    head = ["a = b = 1", "c = 2", "q = [1, 2, 3]", "it = iter([1, 2, 1, 2, 1, 2])", "n = 0"]
    helper = ["def h():", "    nonlocal n, c", "    n += 1", "    c = n % 3"]
    loop = ["while a + b != 5:", "    tick()", *indented(body)]
    f = ["def f():", *indented([*head, *helper, *loop, "return a, b, c, q, n"])]
    return "\n".join(["def g(k, seen=[0]):", "    seen[0] = (seen[0] + k) % 17", "    return seen[0]", *f])


class StepsError(Exception):
    """There were too many."""


def truth_within(source: str, num_steps: int) -> Any:
    """Return what a program returns or raises, or that it takes more steps."""
    left = num_steps

    def tick() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise StepsError

    namespace: dict[str, Any] = {"tick": tick}
    exec(source, namespace)
    try:
        return namespace["f"]()
    except StepsError:
        return ENDLESS
    except Exception as error:  # noqa: BLE001  an end, too
        return type(error)


@given(body=st.lists(BODIES, min_size=1, max_size=4).map(lambda found: [line for one in found for line in one]))
@settings(max_examples=150, suppress_health_check=list(HealthCheck))
def test_any_program_that_ends_is_left_to_end(body: list[str]) -> None:
    truth = truth_within(program(body), 1_500)
    assume(truth != ENDLESS)
    try:
        found = outcome_of(f"def tick():\n    pass\n{program(body)}")
    except Exception as error:  # noqa: BLE001  an end, too
        found = type(error)
    assert found == truth


def test_it_costs_a_program_that_ends_little() -> None:
    source = "def f():\n    n = 0\n    while n < 300_000:\n        n += 1\n    return n"
    namespace: dict[str, Any] = {}
    exec(compile(source, "<program>", "exec"), namespace)
    before = signal.getsignal(endless.ALARM)
    loops = EndlessLoops(lambda: namespace)
    loops.get_ready()
    times = [time.process_time()]
    for watched in ("", source):
        loops.begin(watched)
        assert namespace["f"]() == 300_000
        loops.end()
        times.append(time.process_time())
    signal.signal(endless.ALARM, before)
    assert times[2] - times[1] < 2 * (times[1] - times[0]) + 5 * endless.MAX_LOOKS * endless.TRACE_SECONDS


# ---- in the sandbox

NUMBERS_1_TO_5 = tuple(CallTest((x,), expected=2 * x) for x in range(1, 6))
PROBLEM = Problem(task_id="double", entry_point="f", tests=NUMBERS_1_TO_5)
HANGS = "def f(x):\n    while x:\n        pass\n    return 0"
HANGS_LATER = "def f(x):\n    while x > 2:\n        x = x + 1 - 1\n    return 2 * x"
HANGS_AT_ONCE = "n = 1\nwhile n:\n    n = 1\ndef f(x):\n    return 2 * x"
COUNTS = "def f(x):\n    while x:\n        x += 1\n    return 0"
IS_WRONG_FIRST = "def f(x):\n    while x > 2:\n        pass\n    return x"
SAVED_BY_FINALLY = "def f(x):\n    try:\n        while x:\n            pass\n    finally:\n        return 2 * x"
PASSES = "def f(x):\n    n = 0\n    while n < 2:\n        n += 1\n    return n * x"


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    monkeypatch.setattr(shared, "MIN_PROGRAMS", 0)
    made = Worker()
    made.learn(Lesson(0, PROBLEM))
    yield made
    made.close()


@pytest.mark.parametrize("program", [HANGS, HANGS_LATER, HANGS_AT_ONCE])
@pytest.mark.parametrize("seconds", [0.03, 60.0])
def test_a_loop_without_end_takes_milliseconds_under_any_limit(process: Worker, program: str, seconds: float) -> None:
    limits = Limits(cpu_seconds=seconds, wall_seconds=60.0)
    task = worker.TestsTask("full", None, limits, count=False, is_budget=True)
    for _ in range(2):
        (result,) = process.perform(Job(0, 0, program, (task,)))
        assert (result.verdict, result.is_endless, result.is_budget) == (Verdict.TIMEOUT, True, False)
        assert not result.may_end_later
        assert result.detail.startswith("it never ends: line ")
        assert result.tests_passed == (2 if program is HANGS_LATER else 0)
        assert result.program_cpu_seconds < 0.03
    assert process._shared is not None
    assert process._shared._num_programs >= 2, "the process goes on with the next program"


@pytest.mark.parametrize(
    ("program", "verdict"),
    [
        (COUNTS, Verdict.TIMEOUT),
        (IS_WRONG_FIRST, Verdict.WRONG_ANSWER),
        (SAVED_BY_FINALLY, Verdict.TIMEOUT),
        (PASSES, Verdict.PASSED),
    ],
)
def test_the_rest_is_judged_as_ever(process: Worker, program: str, verdict: Verdict) -> None:
    task = worker.TestsTask("full", None, Limits(cpu_seconds=0.2, wall_seconds=5.0), count=False, is_budget=True)
    for source in (HANGS, program):
        (result,) = process.perform(Job(0, 0, source, (task,)))
    assert (result.verdict, result.is_endless) == (verdict, False)
    assert result.may_end_later == (verdict is Verdict.TIMEOUT)


BRIM = """
def g(n):
    k = 0
    if n:
        return g(n - 1)
    while k < 250_000: k += 1
    return 0
def f(x):
    y = 1
    try:
        y = g(DEPTH)
    finally:
        return 2 * x + y
"""


@pytest.mark.parametrize("depth", range(981, 988))
def test_watching_takes_no_stack_that_is_missed(process: Worker, depth: int) -> None:
    task = worker.TestsTask("full", None, Limits(cpu_seconds=3.0, wall_seconds=5.0), count=False, is_budget=True)
    source = BRIM.replace("DEPTH", str(depth))
    (found,) = process.perform(Job(0, 0, source, (task,)))
    process._shared = None
    (alone,) = process.perform(Job(0, 0, source, (task,)))
    assert (found.verdict, found.detail) == (alone.verdict, alone.detail)


def test_a_time_out_of_what_was_watched_is_no_last_word(process: Worker) -> None:
    task = worker.TestsTask("full", None, Limits(cpu_seconds=0.03, wall_seconds=5.0), count=False)
    assert process._shared is not None
    found = process._shared.find_failure(process._suite(0, None), COUNTS, task.limits, may_wait=False)
    assert found is None
    (result,) = process.perform(Job(0, 0, COUNTS, (task,)))
    assert result.verdict is Verdict.TIMEOUT


def test_a_look_is_over_when_the_next_one_is_due_wherever_the_program_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endless, "MAX_LOOKS", 1)
    source = """
def burn():
    for _ in range(60):
        sum(range(40_000))
    probe()
def f():
    n = 1
    while n:
        n = 0
    look()
    burn()
"""
    seen: list[Any] = []
    namespace: dict[str, Any] = {"probe": lambda: seen.append(sys.gettrace())}
    exec(compile(source, "<program>", "exec"), namespace)
    before = signal.getsignal(endless.ALARM)
    loops = EndlessLoops(lambda: namespace)
    namespace["look"] = lambda: loops._look(sys._getframe(1))  # as if the alarm had come now
    loops.get_ready()
    loops.begin(source)
    namespace["f"]()
    loops.end()
    signal.signal(endless.ALARM, before)
    assert seen == [None]


@pytest.mark.parametrize("time_limit", ["siblings", "exact"])
def test_it_is_not_put_off_and_stays_known(time_limit: str) -> None:
    many = [f"{HANGS}  # {n}\nn = {n}" for n in range(30)]
    fails = [f"n = {n}" for n in range(30)]
    with StagedVerifier(
        (), full=True, workers=1, cache=100, time_limit=time_limit, limits=Limits(cpu_seconds=20.0)  # type: ignore[arg-type]
    ) as verifier:
        verifier.verify([PROBLEM] * 30, fails)
        start = time.monotonic()
        found = verifier.verify([PROBLEM] * 30, many)
        seconds = time.monotonic() - start
        again = verifier.verify([PROBLEM] * 30, many)
    assert {judgement.verdict for judgement in found} == {Verdict.TIMEOUT}
    assert all(judgement.stages[-1].is_endless for judgement in found)
    assert seconds < 10, "half the time that one would take under its limit"
    assert all(judgement.is_known for judgement in again)
