"""Fuzzes the codec, the wire and the judge: mutated bytes, mutated streams of replies, mutated programs.

    python tests/fuzz_judge.py [SECONDS]      600 by default; `test_fuzz.py` runs a few of each

What must hold: decoding gives a value or `MalformedError`; the judge gives a verdict, raises nothing, and stays within its
time; a stream that holds every expected value in its place passes, and one that does not hold them never does.
"""

from __future__ import annotations

import random
import re
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import msgpack

from staged_reward.limits import Limits
from staged_reward.problem import AssertTest, CallTest, Problem, Test, Verdict
from staged_reward.sandbox.codec import MalformedError, Record, decode, encode
from staged_reward.sandbox.guest import ASKED, LOAD_RAISED, OPAQUE, RAISED, UNPARSED, VALUE, Guest
from staged_reward.sandbox.host import ForkServer
from staged_reward.sandbox.judge import run_suite
from staged_reward.sandbox.plain import Error, Reference
from staged_reward.sandbox.suite import Suite
from staged_reward.sandbox.wire import Wire, frame
from tests.fake_guest import FakeServer, saying

LIMITS = Limits(cpu_seconds=1.0, wall_seconds=2.0)
MAX_SECONDS = 3 * (LIMITS.wall_seconds + 2)  # on a busy machine

EXPECTED: list[Any] = [
    3, -1, 2**70, 0.5, "text", b"bytes", True, None, [1, [2, (3,)]], {"a": {1, 2}, 3: None}, (1, "x"), {1, (2, 3)},
    frozenset({1}), 1 + 2j, range(4), "é\0", [], {}, [0.25, [1e300]],
]  # fmt: skip

# What the honest guest with a faulty voice has loaded: no test that it meets expects what it says.
WRONG = """
class A:
    value = 1
    def __enter__(self): return self
    def __exit__(self, *error): return True
    def __iter__(self): yield self.value
    def __eq__(self, other): return True
    def __hash__(self): return 1
def f(x):
    if callable(x): return x(1)
    if isinstance(x, list): x.append(2)
    if x == 3: raise KeyError(x)
    return A()
"""

PROGRAMS = (
    WRONG,
    "def f(x):\n    return x * 2 + sum(range(x))\n",
    "import os\ndef f(x):\n    os.write(3, b'\\0\\0\\0\\2\\x92\\0')\n    return [x]\n",
    "class Yes:\n    def __eq__(self, other): return True\ndef f(x):\n    return Yes() if x else [Yes()]\n",
    "import sys, math\nsys.setrecursionlimit(5000)\ndef f(x):\n    return f(x + 1) if x < 3000 else math.pi\n",
    "from collections import *\ndef f(x, *a, **k):\n    d = defaultdict(list)\n    d[x].append(a)\n    yield d\n",
)

WORDS = (
    "x",
    "f",
    "0",
    "None",
    "True",
    "-1",
    "2 ** 99999",
    "f(x)",
    "[x] * 9",
    "'a'",
    "lambda: x",
    "yield",
    "raise",
    "self",
    "A",
)
LINES = (
    "raise MemoryError", "raise SystemExit(0)", "import os; os._exit(0)", "return globals()", "f = None", "del f",
    "import sys; sys.stdout = None", "while x: x = x", "x = x,", "global f", "f.__name__ = 3", "return f",
    "import gc; gc.collect()", "import threading; threading.Thread(target=print).start()", "return iter(lambda: 1, 2)",
    "os = __import__('os'); os.write(3, b'abc')", "__import__('os').close(3)", "return float('nan')", "return {1: {2}}",
)  # fmt: skip


class Fuzzer:
    """One kind of round after another; a round raises AssertionError where something does not hold.

    Attributes:
        counts: Rounds and verdicts, by kind.
    """

    def __init__(self, seed: int, server: ForkServer | None = None) -> None:
        self.random = random.Random(seed)
        self.counts: Counter[str] = Counter()
        self._server = server

    def rounds(self) -> list[Callable[[], None]]:
        """Return the kinds of rounds."""
        kinds = [self.bytes_round] * 40 + [self.stream_round] * 2 + [self.check_round] * 2 + [self.object_round]
        return kinds if self._server is None else [*kinds, self.program_round]

    # ---- what is said

    def value(self, depth: int = 0) -> Any:
        """Return any value that can be encoded, odd ones among them."""
        pick = self.random
        plain: list[Callable[[], Any]] = [
            lambda: pick.choice(EXPECTED),
            lambda: pick.choice(
                [2**61 - 1, -(2**63), 10**4400, float("nan"), float("inf"), -0.0, "\ud800", "a" * 5000]
            ),
            lambda: pick.getrandbits(pick.choice([1, 8, 64, 5000])),
            lambda: Reference(pick.randrange(-5, 5), pick.choice(["int", "os:system", ""])),
            lambda: Error(["ValueError"], [], "x"),
            lambda: pick.choice([int, str, type(None), ..., slice(1, None)]),
        ]
        if depth > 3 or pick.random() < 0.5:
            return pick.choice(plain)()
        items = [self.value(depth + 1) for _ in range(pick.randrange(4))]
        containers: list[Callable[[], Any]] = [
            lambda: items,
            lambda: tuple(items),
            lambda: {str(i): item for i, item in enumerate(items)},
            lambda: Record("A", {str(i): item for i, item in enumerate(items)}),
        ]
        return pick.choice(containers)()

    def payload(self) -> bytes:
        """Return an encoding: right, of the wrong parts, or of arbitrary bytes in an extension."""
        pick = self.random
        if pick.random() < 0.5:
            return encode(self.value())
        inner = encode(self.value()) if pick.random() < 0.7 else pick.randbytes(pick.randrange(20))
        return bytes(msgpack.packb(msgpack.ExtType(pick.randrange(30), inner)))

    def mutated(self, data: bytes) -> bytes:
        """Return bytes with a few things wrong."""
        pick, changed = self.random, bytearray(data)
        for _ in range(pick.choice([1, 1, 1, 2, 5])):
            at = pick.randrange(len(changed) + 1)
            match pick.randrange(6):
                case 0 if at < len(changed):
                    changed[at] = pick.randrange(256)
                case 1 if at < len(changed):
                    changed[at] ^= 1 << pick.randrange(8)
                case 2:
                    del changed[at : at + pick.randrange(1, 9)]
                case 3:
                    changed[at:at] = pick.randbytes(pick.randrange(1, 9))
                case 4:
                    changed[at:at] = changed[pick.randrange(len(changed) + 1) :][: pick.randrange(40)]
                case _:
                    del changed[at:]
        return bytes(changed)

    def reply(self) -> bytes:
        """Return any reply, of right shape or not."""
        pick = self.random
        kind = pick.choice([VALUE, VALUE, RAISED, OPAQUE, LOAD_RAISED, UNPARSED, ASKED, 7])
        choices: list[Callable[[], list[Any]]] = [
            lambda: [kind, self.value()],
            lambda: [kind, ["KeyError", "LookupError"], "message"],
            lambda: [kind, self.payload(), "printed", pick.choice([None, self.payload()])],
            lambda: [kind, ["E", "ValueError"], "m", encode([[self.value()], None, "json", None]), "", None],
            lambda: [kind, {"f": ["value", self.payload()], "A": ["exception", ["A"], self.payload()]}],
            lambda: [kind, encode(["call", [Reference(-2, "f"), self.value()], {}]), ""],
            lambda: [kind] + [self.value() for _ in range(pick.randrange(4))],
        ]
        return frame(encode(pick.choice(choices)()))

    def _said(self) -> bytes:
        return frame(b"\x92\0" + self.payload()) if self.random.random() < 0.7 else self.reply()

    def program(self) -> str:
        """Return a wrong program with lines and words exchanged, some of which still compile."""
        pick, lines_of = self.random, self.random.choice(PROGRAMS).splitlines()
        for _ in range(pick.choice([0, 1, 1, 2, 3])):
            at = pick.randrange(len(lines_of))
            words = re.split(r"(\W+)", lines_of[at])
            match pick.randrange(5):
                case 0:
                    lines_of.insert(at, pick.choice(lines_of))
                case 1 if len(lines_of) > 1:
                    del lines_of[at]
                case 2:
                    words[pick.randrange(len(words))] = pick.choice(WORDS)
                    lines_of[at] = "".join(words)
                case 3:
                    lines_of[at] = " " * (len(words[1]) if words[0] == "" and len(words) > 1 else 0) + pick.choice(
                        LINES
                    )
                case _:
                    lines_of[at] = self.mutated(lines_of[at].encode()).decode("utf-8", "replace")
        return "\n".join(lines_of)

    # ---- what must hold

    def bytes_round(self) -> None:
        """Decoding any bytes gives a value or says that they are malformed."""
        data = self.payload() if self.random.random() < 0.3 else self.mutated(self.payload())
        for bounded in (False, True):
            try:
                value = decode(data, bounded=bounded)
            except MalformedError as error:
                is_printable = str(error).isprintable()
                self._count("bytes", "malformed")
            else:
                is_printable = repr(type(value)).isprintable()
                self._count("bytes", "a value")
            assert is_printable

    def stream_round(self) -> None:
        """`call` tests: only a stream with every expected value in its place passes."""
        expected = self.random.sample(EXPECTED, self.random.randrange(1, 5))
        frames = [frame(encode([VALUE, value])) for value in expected]
        right = b"".join(frames)
        stream = self._changed_stream(frames)
        tests: list[Test] = [CallTest((), expected=value) for value in expected]
        verdict = self._judge("stream", saying(stream), tests, count=self.random.random() < 0.3)
        if stream.startswith(right):
            assert verdict is Verdict.PASSED, (stream, expected)
        if verdict is Verdict.PASSED:
            assert _says(stream, expected), (stream, expected)

    def check_round(self) -> None:
        """`call` tests with checks, on any values: a verdict, and no pass of what the check excludes."""
        checks = [
            "result == expected", "len(result) == 918273", "abs(result - 918273) < 1e-6", "sorted(result) == [918273]",
            "set(result) == {918273}", "result[0] == 918273", "'qzq' in result", "str(result) == 'qzq'",
            "result is True and result is False", "sum(result) == 918273", "math.isclose(result, 918273)",
            "list(result) == [918273]", "max(result) == 918273", "int(result) == 918273", "''.join(result) == 'qzq'",
            "sum(result, []) == [918273]", "all(x == 918273 for x in result) and len(result) > 0", "round(result) == 918273",
        ]  # fmt: skip
        test = CallTest((), expected=918273, check=self.random.choice(checks))
        said = [self._said() for _ in range(self.random.randrange(1, 4))]
        stream = b"".join(said) if self.random.random() < 0.7 else self.mutated(b"".join(said))
        verdict = self._judge("check", saying(stream), [test])
        assert verdict is not Verdict.PASSED or b"\x0e\x03\x01" in stream or b"qzq" in stream, (test, stream)

    def object_round(self) -> None:
        """`assert` tests: an honest guest with a faulty voice, or one that says anything."""
        code = self.random.choice(
            [
                "assert f(3) == 12321",
                "c = f(3)\nassert [x for x in c] == [12321]",
                "try:\n    f(3)\nexcept Exception as e:\n    assert str(e) == '12321'\nelse:\n    assert False",
                "assert f(lambda x: x + 1) == 12321",
                "a = [1]\nf(a)\nassert a == [12321]",
                "with f(1) as x:\n    assert x == 12321",
                "assert isinstance(f(1), A) and f(1).value == 12321",
            ]
        )
        if self.random.random() < 0.3:
            server = saying(b"".join(self.reply() for _ in range(self.random.randrange(1, 6))))
        else:
            server = FakeServer(self._faulty_guest(self.random.getrandbits(32)))
        verdict = self._judge("object", server, [AssertTest(code)])
        assert verdict is not Verdict.PASSED, code

    def program_round(self) -> None:
        """A wrong program, mutated, through a real fork server: a verdict of its own, and the next program's is right."""
        assert self._server is not None
        tests: list[Test] = [CallTest((4,), expected=918273), AssertTest("assert f(5) == [918273]")]
        tests = tests[self.random.randrange(2) :]
        program = self.program()
        verdict = self._judge("program", self._server, tests, program=program)
        assert verdict is not Verdict.PASSED, program
        honest = "def f(x): return 918273 if x == 4 else [918273]"
        assert self._judge("next program", self._server, tests, program=honest) is Verdict.PASSED, program

    # ---- how

    def _changed_stream(self, frames: list[bytes]) -> bytes:
        pick, stream = self.random, list(frames)
        match pick.randrange(7):
            case 0:
                return b"".join(stream)
            case 1:
                stream.insert(pick.randrange(len(stream) + 1), self.reply())
            case 2:
                pick.shuffle(stream)
            case 3:
                del stream[pick.randrange(len(stream))]
            case 4:
                stream.insert(pick.randrange(len(stream) + 1), pick.choice(stream))
            case 5:
                return b"".join(stream) + pick.randbytes(pick.randrange(50))
            case _:
                return self.mutated(b"".join(stream))
        return b"".join(stream)

    def _faulty_guest(self, seed: int) -> Callable[[socket.socket], None]:
        """Return what plays an honest guest of a wrong program, whose replies are changed on their way."""

        def play(connection: socket.socket) -> None:
            fuzzer = Fuzzer(seed)

            class FaultyWire(Wire):
                def send(self, *frames: bytes) -> None:
                    for item in frames:
                        at_random = fuzzer.random.random()
                        if at_random < 0.1:
                            item = frame(fuzzer.mutated(item[4:]))
                        elif at_random < 0.2:
                            item = fuzzer.reply()
                        elif at_random < 0.25:
                            item = item + item
                        super().send(item)

            Guest(FaultyWire(connection.fileno())).serve()

        return play

    def _judge(
        self,
        kind: str,
        server: FakeServer | ForkServer,
        tests: list[Test],
        *,
        program: str = WRONG,
        count: bool = False,
    ) -> Verdict:
        suite = Suite.of(Problem(task_id="t", tests=tuple(tests), entry_point="f"))
        started = time.monotonic()
        real = server if isinstance(server, ForkServer) else server.as_server()
        outcome = run_suite(real, suite, program, LIMITS, count=count)
        assert time.monotonic() - started < MAX_SECONDS, (kind, tests)
        assert outcome.verdict is not Verdict.INFRA_ERROR
        assert outcome.detail.isprintable()
        self._count(kind, outcome.verdict.value)
        return outcome.verdict

    def _count(self, kind: str, what: str) -> None:
        self.counts[f"{kind}: {what}"] += 1


def _says(stream: bytes, expected: list[Any]) -> bool:
    """Whether a stream begins with the expected values, each in a frame of its own; read here without the judge."""
    position = 0
    for value in expected:
        length = int.from_bytes(stream[position : position + 4], "big")
        payload = stream[position + 4 : position + 4 + length]
        try:
            said = decode(payload)
        except MalformedError:
            return False
        if not isinstance(said, list) or said[:1] != [VALUE] or not _is_close(said[-1], value):
            return False
        position += 4 + length
    return True


def _is_close(said: Any, expected: Any) -> bool:
    """Whether two values are equal, but for the last bits of floats."""
    if isinstance(expected, float):
        return isinstance(said, int | float) and abs(said - expected) <= 1e-6 + 1e-7 * abs(expected)
    if isinstance(expected, list | tuple) and isinstance(said, list | tuple):
        return len(said) == len(expected) and all(map(_is_close, said, expected))
    return bool((said.values if isinstance(said, Record) else said) == expected)


def fuzz(seconds: float, seed: int, server: ForkServer | None) -> Counter[str]:
    """Run rounds of every kind for some time, and return what came of them."""
    fuzzer = Fuzzer(seed, server)
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        for run in fuzzer.rounds():
            state = fuzzer.random.getstate()
            try:
                run()
            except BaseException:
                fuzzer.random.setstate(state)
                print(f"{run.__name__} failed, seed {seed}, after {fuzzer.counts}", file=sys.stderr)
                raise
    return fuzzer.counts


def lines(counts: Counter[str]) -> Iterator[str]:
    """Return the counts as a table."""
    for name, count in sorted(counts.items()):
        yield f"{name:40}{count:10,}"


def main() -> None:
    """Fuzz for as long as the command line says."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 600.0
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    server = ForkServer()
    try:
        for line in lines(fuzz(seconds, seed, server)):
            print(line)
    finally:
        server.close()


if __name__ == "__main__":
    main()
