"""Whatever a program's process sends, it gets a verdict: in time, in bounded memory, and never a pass that it has not
earned.
"""

from __future__ import annotations

import os
import pickle
import resource
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import msgpack
import pytest

from staged_reward.limits import Limits
from staged_reward.problem import AssertTest, CallTest, Problem, Test, Verdict
from staged_reward.sandbox import unpack
from staged_reward.sandbox.apart import MEMORY_MIB
from staged_reward.sandbox.codec import encode
from staged_reward.sandbox.guest import ASKED, LOAD_RAISED, OPAQUE, RAISED, UNPARSED, VALUE
from staged_reward.sandbox.judge import run_suite
from staged_reward.sandbox.plain import CODES, Error, Reference
from staged_reward.sandbox.suite import Suite
from staged_reward.sandbox.wire import frame
from tests.fake_guest import FakeServer, saying

LIMITS = Limits(cpu_seconds=0.5, wall_seconds=0.5)
MAX_CPU_SECONDS = LIMITS.wall_seconds + 4  # on a slow machine
MAX_SECONDS = 3 * MAX_CPU_SECONDS  # on a busy machine
MAX_MIB = 300  # what judging one reply may add to the judge, and to what it forks beyond the limit of that
FAILED = {Verdict.CRASHED, Verdict.OUTPUT_LIMIT, Verdict.WRONG_ANSWER, Verdict.TIMEOUT, Verdict.RUNTIME_ERROR,
          Verdict.MEMORY_LIMIT}  # fmt: skip
PRIME = 2**61 - 1  # ints that differ by this have one hash


class Judged(NamedTuple):
    verdict: Verdict
    detail: str
    num_passed: int
    seconds: float
    cpu_seconds: float
    mib: float


def judge(server: FakeServer, *tests: Test, count: bool = False, limits: Limits = LIMITS) -> Judged:
    """Judge in a fork of its own, whose time and memory are then known, and checked."""
    suite = Suite.of(Problem(task_id="t", tests=tests, entry_point="f"))
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        before = _kib("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
        started = time.monotonic()
        try:
            outcome = run_suite(server.as_server(), suite, "", limits, count=count)
            seconds = time.monotonic() - started
            mib, cpu_seconds = (_kib("VmHWM") - before) / 1024, sum(os.times()[:4])
            apart_mib = (resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss - before) / 1024
            mib = max(mib, apart_mib - MEMORY_MIB)
            judged = Judged(outcome.verdict, outcome.detail, outcome.num_passed, seconds, cpu_seconds, mib)
            os.write(write_end, pickle.dumps(judged))
        except BaseException as error:  # noqa: BLE001  shown by the assert below
            os.write(write_end, pickle.dumps(repr(error)[:1000]))
        finally:
            os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as file:
        judged = pickle.load(file)
    os.waitpid(pid, 0)
    assert isinstance(judged, Judged), judged
    assert judged.seconds < MAX_SECONDS + limits.wall_seconds, judged
    assert judged.cpu_seconds < MAX_CPU_SECONDS + limits.wall_seconds - LIMITS.wall_seconds, judged
    assert judged.mib < MAX_MIB, judged
    return judged


def _kib(name: str) -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.split(f"{name}:")[1].split()[0])


def value(payload: bytes) -> bytes:
    """Return the reply that says that a call returned the value which these bytes encode."""
    return frame(b"\x92" + bytes([VALUE]) + payload)


def reply(kind: int, *items: Any) -> bytes:
    return frame(encode([kind, *items]))


def extension(code: int, payload: bytes) -> bytes:
    return bytes(msgpack.packb(msgpack.ExtType(code, payload)))


def array(payload: bytes, length: int) -> bytes:
    return b"\xdd" + struct.pack(">I", length) + payload


def mapping(keys: Sequence[Any]) -> bytes:
    """Return what a dict of these keys is encoded as; a dict here would take as long to make as the judge may take."""
    return b"\xdf" + struct.pack(">I", len(keys)) + b"".join(encode(key) + b"\xc0" for key in keys)


def nested_extensions(payload: bytes, depth: int) -> bytes:
    for _ in range(depth):
        payload = extension(CODES[tuple], b"\x91" + payload)
    return payload


def named_tuples(count: int) -> Iterator[bytes]:
    for number in range(count):
        yield extension(18, encode([f"N{number}", [f"field{number}x{i}" for i in range(20)], list(range(20))]))


MIB = 1 << 20
COLLIDING = [number * PRIME for number in range(150_000)]
COLLIDING_FLOATS = [float(2 ** (61 * i)) for i in range(16)]
BIG = 1 << (8 * 7 * MIB)

# name → (what makes the result that the program returns, check or None for `result == 3`)
RESULTS: dict[str, tuple[Callable[[], bytes], str | None]] = {
    "empty lists": (lambda: array(b"\x90" * 15 * MIB, 15 * MIB), None),
    "empty dicts": (lambda: array(b"\x80" * 15 * MIB, 15 * MIB), None),
    "empty sets": (lambda: array(extension(1, b"\x90") * 5 * MIB, 5 * MIB), None),
    "deques": (lambda: array(extension(16, b"\x92\xc0\x90") * 2 * MIB, 2 * MIB), None),
    "counters": (lambda: array(extension(13, b"\x80") * 5 * MIB, 5 * MIB), None),
    "strings of two characters": (lambda: array(b"\xa2ab" * 5 * MIB, 5 * MIB), None),
    "lists that announce a million items, nested": (lambda: b"\xdd\x00\x10\x00\x00" * 1000, None),
    "lists that announce as many items as there are bytes": (lambda: b"\xdd\x00\x0f\xff\x00" * 200_000, None),
    "lists that announce too much, inside extensions": (lambda: nested_extensions(b"\xdd\x00\x00\x0f\x00" * 700, 90), None),
    "a large string in nested extensions": (lambda: nested_extensions(encode("a" * 14 * MIB), 90), None),
    "a wide string": (lambda: encode("\U0001f600" + "a" * 15 * MIB), None),
    "dict of colliding keys": (lambda: mapping(COLLIDING), None),
    "set of colliding members": (lambda: extension(1, encode(COLLIDING)), None),
    "small dicts of colliding keys": (lambda: encode([dict.fromkeys(COLLIDING[:500])] * 200), None),
    "ordered dict of colliding keys": (lambda: extension(15, encode([[key, 0] for key in COLLIDING])), None),
    "colliding tuples": (lambda: extension(1, encode([(0, key) for key in COLLIDING[:60_000]])), None),
    "list of colliding ints, made a set": (lambda: encode(COLLIDING), "len(set(result)) == len(result) == 3"),
    "list of colliding floats, made a set": (lambda: encode(COLLIDING_FLOATS * 1000), "set(result) == {1.0}"),
    "long ints, their greatest common divisor": (lambda: encode([BIG + 1, BIG - 1]), "math.gcd(result[0], result[1]) == 3"),
    "long ints, divided": (lambda: encode([BIG - 1, BIG >> 9]), "result[0] // (result[1] + 1) == 12345"),
    "a long int and many short ones, summed": (lambda: encode([BIG] + [1] * MIB), "sum(result) == 3"),
    "lists, joined by sum": (lambda: encode([[0]] * 300_000), "sum(result, []) == [3]"),
    "long int as text": (lambda: encode(BIG), "len(str(result)) == 3"),
    "long int in square root": (lambda: encode(BIG), "math.isqrt(result) == 3"),
    "long text as an int": (lambda: encode("9" * 15 * MIB), "int(result) == 3"),
    "long text as a float": (lambda: encode("9" * 15 * MIB), "float(result) == 3"),
    "equal lists, sorted": (lambda: encode([[0] * 100] * 10_000), "sorted(result) == [3]"),
    "long int": (lambda: encode(BIG), None),
    "long int in a list": (lambda: encode([BIG]), "result == [3]"),
    "decimal of many digits": (lambda: extension(7, encode("9" * 15 * MIB)), None),
    "decimal of a large exponent": (lambda: extension(7, encode("1e99999999")), "int(result) == 3"),
    "signalling NaN": (lambda: extension(7, encode("sNaN")), None),
    "set of signalling NaN": (lambda: extension(1, encode([Decimal("sNaN")])), None),
    "fraction of many digits": (lambda: extension(8, encode([BIG - 1, BIG + 1])), None),
    "range of long ints": (lambda: encode(range(0, BIG, 3)), "len(result) == 3"),
    "endless range": (lambda: encode(range(10**18)), "all(item >= 0 for item in result)"),
    "long range, listed": (lambda: encode(range(10**12)), "list(result) == [3]"),
    "long range, summed": (lambda: encode(range(10**12)), "sum(result) == 3"),
    "long range, searched": (lambda: encode([range(10**12)]), "0.5 in result[0]"),
    "long range in a set": (lambda: encode((range(10**12),)), "set(result[0]) == {3}"),
    "time difference of long ints": (lambda: extension(12, encode([BIG, BIG, BIG])), None),
    "date of the year 10^9": (lambda: extension(9, encode("1000000000-01-01")), None),
    "complex of infinities": (lambda: encode(complex("inf+infj")), None),
    "array of a huge shape": (lambda: extension(20, encode(["<i8", [2**40, 2**40], b"\0" * 8])), None),
    "array of a huge shape that is empty": (lambda: extension(20, encode(["<i8", [2**62] * 60_000, b""])), None),
    "array of bytes, compared with a list": (lambda: extension(20, encode(["|b1", [15 * MIB], b"\0" * 15 * MIB])), None),
    "array of many dimensions": (lambda: extension(20, encode(["<i8", [1] * 65, b"\0" * 8])), None),
    "array of an odd time unit": (lambda: extension(20, encode(["<M8[99999999999999D]", [1], b"\xff" * 8])), None),
    "array of no width": (lambda: extension(20, encode(["<U0", [10**9], b""])), None),
    "named tuples of many classes": (lambda: array(b"".join(named_tuples(20_000)), 20_000), None),
    "named tuple of a long name": (lambda: extension(18, encode(["A" * 15 * MIB, ["x"], [1]])), None),
    "type name that is long": (lambda: extension(22, encode([0, "A" * 15 * MIB])), None),
    "surrogates": (lambda: encode("\ud800" * MIB), None),
    "NUL": (lambda: encode("\0" * MIB), None),
    "text that is no UTF-8": (lambda: b"\xa2\xff\xff", None),
    "slice": (lambda: encode(slice(BIG)), None),
    "an exception": (lambda: encode(Error(["A"], [], "b")), None),
    "NaN": (lambda: encode(float("nan")), None),
}  # fmt: skip


@pytest.mark.parametrize("name", RESULTS)
def test_any_result_gets_a_verdict_in_time_and_bounded_memory(name: str) -> None:
    make, check = RESULTS[name]
    test = CallTest((1,), expected=3, check=check)
    judged = judge(saying(value(make())), test)
    assert judged.verdict in FAILED, judged
    assert judged.detail.isprintable()
    assert len(judged.detail) <= 300


def test_large_honest_results_pass() -> None:
    number, flags = 2**20000 + 1, list(map(bool, range(10**6)))
    for result, check in (
        (list(range(10**6)), "len(result) == 10**6 and sorted(result)[0] == 0"),
        ([(i, i + 1) for i in range(10**5)], "all(a < b for a, b in result)"),
        (dict.fromkeys(map(str, range(10**5)), 1), "sum(result.values()) == 100000"),
        ("a" * 10**7, "result.count('a') == 10**7"),
        (number, "result > 2 and bin(result).count('1') == 2"),
        (flags, None),
        (Fraction(number, 3), None),
    ):
        test = CallTest((1,), expected=None if check else result, check=check)
        judged = judge(saying(value(encode(result))), test)
        assert judged.verdict is Verdict.PASSED, judged


# ---- replies that are none, or not those asked for

ONE, TWO, THREE = (value(encode(number)) for number in (1, 2, 3))
STREAMS: dict[str, tuple[bytes, Verdict, int]] = {
    "right": (ONE + TWO, Verdict.PASSED, 2),
    "right, and more replies": (ONE + TWO + THREE, Verdict.PASSED, 2),
    "right, and bytes after the end": (ONE + TWO + b"\xff" * 100, Verdict.PASSED, 2),
    "none": (b"", Verdict.CRASHED, 0),
    "one missing": (ONE, Verdict.CRASHED, 1),
    "one cut off": (ONE + TWO[:-1], Verdict.CRASHED, 1),
    "one twice": (ONE + ONE + TWO, Verdict.WRONG_ANSWER, 1),
    "in another order": (TWO + ONE, Verdict.WRONG_ANSWER, 0),
    "an empty frame": (frame(b"") + ONE + TWO, Verdict.CRASHED, 0),
    "an empty list": (reply(0)[:4] + b"\x90", Verdict.CRASHED, 0),
    "bytes left over in a frame": (frame(ONE[4:] + b"\x01") + TWO, Verdict.CRASHED, 0),
    "both in one frame": (frame(ONE[4:] + TWO[4:]), Verdict.CRASHED, 0),
    "no kind": (frame(encode([])), Verdict.CRASHED, 0),
    "no list": (frame(encode({0: 1})), Verdict.CRASHED, 0),
    "kind True": (frame(encode([False, 1])), Verdict.CRASHED, 0),
    "kind of another type": (frame(encode(["VALUE", 1])), Verdict.CRASHED, 0),
    "unknown kind": (reply(99, 1), Verdict.CRASHED, 0),
    "no value": (reply(VALUE), Verdict.CRASHED, 0),
    "two values": (reply(VALUE, 1, 1), Verdict.CRASHED, 0),
    "question to the test": (reply(ASKED, b"", ""), Verdict.CRASHED, 0),
    "exception without a class": (reply(RAISED, [], "x"), Verdict.CRASHED, 0),
    "exception of odd classes": (reply(RAISED, [1], "x"), Verdict.CRASHED, 0),
    "exception": (reply(RAISED, ["\ud800\0" * 10**5], "\0" * 10**6), Verdict.RUNTIME_ERROR, 0),
    "load error after a reply": (ONE + reply(LOAD_RAISED, ["ValueError"], "x"), Verdict.RUNTIME_ERROR, 1),
    "syntax error": (reply(UNPARSED, ["SyntaxError"], "x"), Verdict.SYNTAX_ERROR, 0),
    "opaque": (reply(OPAQUE, Reference(-5, "A" * 1000)), Verdict.WRONG_ANSWER, 0),
    "reference as a value": (reply(VALUE, Reference(0, "A")), Verdict.WRONG_ANSWER, 0),
    "announced size of 4 GiB": (b"\xff\xff\xff\xff" + ONE, Verdict.OUTPUT_LIMIT, 0),
    "size beyond the limit in parts": (frame(b"\0" * (LIMITS.output_mib * MIB + 1)), Verdict.OUTPUT_LIMIT, 0),
}  # fmt: skip


@pytest.mark.parametrize("count", [False, True])
@pytest.mark.parametrize("name", STREAMS)
def test_every_stream_of_replies_has_its_verdict(name: str, *, count: bool) -> None:
    stream, verdict, num_passed = STREAMS[name]
    judged = judge(saying(stream), CallTest((), expected=1), CallTest((), expected=2), count=count)
    if not count:
        assert (judged.verdict, judged.num_passed) == (verdict, num_passed), judged
    assert (judged.verdict is Verdict.PASSED) == (verdict is Verdict.PASSED)


def test_dribbled_bytes_and_floods_of_empty_frames_are_read_in_time() -> None:
    def dribble(wire: Any) -> None:
        with suppress(OSError):
            for byte in value(b"\xc6" + struct.pack(">I", 10**6) + b"\0" * 100_000):
                wire.send(bytes([byte]))

    judged = judge(FakeServer(dribble), CallTest((), expected=1))
    assert judged.verdict is Verdict.CRASHED
    tests = [CallTest((), expected=1)] * 50_000
    judged = judge(saying(ONE * 50_000 + frame(b"") * 10**6), *tests, limits=Limits())
    assert (judged.verdict, judged.num_passed) == (Verdict.PASSED, 50_000)


# ---- replies to operations on live objects

NAMES = reply(VALUE, {"f": ["value", encode(Reference(0, "function"))]})
NOTHING = encode(None)
TEST = AssertTest("try:\n    x = f(1)\nexcept Exception:\n    x = 2\nassert x == 3")
OBJECTS: dict[str, bytes] = {
    "no reply to `names`": b"",
    "no dict": reply(VALUE, []),
    "f is what the test expects": reply(VALUE, {"f": ["value", encode(3)]}) + reply(VALUE, NOTHING, "", None),
    "f is a module": reply(VALUE, {"f": ["module", "os"]}),
    "f is an exception without a name": reply(VALUE, {"f": ["exception", [], NOTHING]}),
    "f is an exception of many bases": reply(VALUE, {"f": ["exception", [f"E{i}" for i in range(10**5)], NOTHING]}),
    "other names": reply(VALUE, {"x": ["value", encode(3)], "__builtins__": ["value", encode({})]}),
    "a lent object that is none": reply(VALUE, {"f": ["value", encode(Reference(-2, "x"))]}),
    "a name of Python": reply(VALUE, {"f": ["value", encode(Reference(-1, "os:system"))]}),
    "reply before the request": NAMES + NAMES,
    "a value that is no encoding": NAMES + reply(VALUE, b"\xc1", "", None),
    "a value that is none": NAMES + reply(VALUE, 3, "", None),
    "printed text that is none": NAMES + reply(VALUE, NOTHING, b"", None),
    "changed arguments of another shape": NAMES + reply(VALUE, NOTHING, "", encode({"a": 1})),
    "changed arguments that are a flood": NAMES + reply(VALUE, NOTHING, "", array(b"\x90" * 10**7, 10**7)),
    "arguments that nest deeply": NAMES + reply(VALUE, NOTHING, "", b"\x91" * 900 + b"\xc0"),
    "exception without detail": NAMES + reply(RAISED, ["E"], "", NOTHING, "", None),
    "exception of long arguments": NAMES + reply(RAISED, ["KeyError"], "", encode([[BIG], None, "", None]), "", None),
    "exception of odd arguments": NAMES
    + reply(RAISED, ["UnicodeDecodeError"], "", encode([[1], None, "", None]), "", None),
    "exception group": NAMES + reply(RAISED, ["ExceptionGroup"], "", encode([["a", [1]], None, "", None]), "", None),
    "exception of our own": NAMES
    + reply(RAISED, ["AlarmError"], "", encode([[], None, "staged_reward.alarm", None]), "", None),
    "question about nothing": NAMES + reply(ASKED, encode(["call", [], {}]), ""),
    "question about what was not lent": NAMES + reply(ASKED, encode(["call", [1], {}]), ""),
    "question that is none": NAMES + reply(ASKED, encode(3), ""),
    "unknown question": NAMES + reply(ASKED, encode(["eval", [Reference(-2, "f")], {}]), ""),
    "many objects": NAMES + reply(VALUE, encode([Reference(i, "A") for i in range(160_000)]), "", None),
    "extra replies": NAMES + reply(VALUE, NOTHING, "", None) * 1000,
}  # fmt: skip


@pytest.mark.parametrize("name", OBJECTS)
def test_any_reply_about_live_objects_gets_a_verdict(name: str) -> None:
    judged = judge(saying(OBJECTS[name]), TEST)
    assert judged.verdict in FAILED, judged


def test_right_replies_about_live_objects_pass() -> None:
    assert judge(saying(NAMES + reply(VALUE, encode(3), "", None)), TEST).verdict is Verdict.PASSED


def test_answer_in_the_place_of_the_names_is_no_answer() -> None:
    """A program that writes its answers before it is asked: the first is taken for the names that it defines."""
    judged = judge(saying(reply(VALUE, encode(3), "", None) * 3), TEST)
    assert judged.verdict is Verdict.CRASHED


def test_bounds_are_those_of_one_message_and_leave_room_for_honest_ones() -> None:
    assert unpack.MAX_ITEMS >= 2 * 10**6
