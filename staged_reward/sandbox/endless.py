"""Proves that a self-contained program never ends: a loop comes back to a place with all that it can see unchanged.

Such a program is deterministic (see `self_contained`), unless it computes with the addresses that a `repr` shows; so what
has come back once comes back for ever. Compared are the variables of the function that loops and those of the module, with
everything that hangs on them, and which of these are the same object. What a comparison cannot see through (a generator, a
cache, a set, whose order depends on its past) proves nothing, and neither does a loop that counts. Runs in the program's own
process: a program could claim that it does not end, and that is never to its advantage.

A look costs a program that ends nothing but time: it begins after `LOOK_SECONDS`, which few take, and is over after
`TRACE_SECONDS`.
"""

from __future__ import annotations

import ast
import collections
import contextlib
import functools
import io
import itertools
import operator
import pickle
import re
import signal
import sys
import time
import types
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

LOOK_SECONDS = 0.004  # of CPU time, before the first look and between two
MAX_LOOKS = 2
TRACE_SECONDS = 0.003  # of CPU time, for a look; less than between two, since the next one ends it for certain
MAX_OBJECTS = 2_000  # that are compared; a long text counts as several
BYTES_OF_OBJECT = 32
ALARM = signal.SIGVTALRM

_CONSTANTS = (None, True, False, Ellipsis)

_ITERATED: tuple[Any, ...] = ([], (), "", "\xe4", b"", range(0))
# What a pickle holds all of: two that are equal behave alike. Not so NaNs, and sets and frozensets that are not empty.
_PLAIN = frozenset({
    type(None), type(...), bool, int, float, complex, str, bytes, tuple, list, dict, range, slice, frozenset, type,
    collections.Counter, collections.OrderedDict, collections.defaultdict, collections.deque, functools.partial,
    itertools.count, operator.itemgetter, re.Pattern, types.FunctionType, types.BuiltinFunctionType, types.ModuleType,
    types.GenericAlias, types.UnionType, *(type(iter(value)) for value in _ITERATED),
})  # fmt: skip


class EndlessLoopError(BaseException):
    """Raised inside a program that has been shown not to end."""


class Loop(NamedTuple):
    """The lines of a `while` statement, the first and the last."""

    start: int
    end: int


class EndlessLoops:
    """Watches one program after the other.

    Args:
        namespace: Gives that of the program's module.
    """

    def __init__(self, namespace: Callable[[], dict[str, Any]]) -> None:
        self._namespace = namespace
        self._source = ""
        self._loops: dict[int, Loop] | None = None
        self._looks_left = 0
        self._current: Look | None = None

    def get_ready(self) -> None:
        """Take the signal."""
        signal.signal(ALARM, self._on_alarm)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [ALARM])

    def begin(self, source: str) -> None:
        """Watch a program from here on; none where the source is empty."""
        self._source, self._loops, self._looks_left = source, None, MAX_LOOKS
        seconds = LOOK_SECONDS if source else 0.0
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds, seconds)

    def end(self) -> None:
        """Watch it no longer."""
        signal.setitimer(signal.ITIMER_VIRTUAL, 0.0)
        self._end_look()

    def _end_look(self) -> None:
        if self._current is not None:
            self._current.end()
            self._current = None

    def _on_alarm(self, _: int, frame: types.FrameType | None) -> None:
        with contextlib.suppress(Exception):  # of stack or memory, which the program has used up, say
            self._look(frame)

    def _look(self, frame: types.FrameType | None) -> None:
        self._end_look()  # of the alarm before, where the program has called something that takes long
        if self._looks_left == 0:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0.0)
            return
        namespace = self._namespace()
        frames = [one for one in _chain(frame) if one.f_globals is namespace]
        if not frames:
            return  # it is not the program that runs
        self._looks_left -= 1
        if self._loops is None:
            self._loops = places_of_loops(self._source)
        if not self._loops:
            self._looks_left = 0
            return
        self._current = Look(namespace, self._loops, frames)
        self._current.begin()


def _chain(frame: types.FrameType | None) -> Iterator[types.FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def places_of_loops(source: str) -> dict[int, Loop]:
    """Return the lines at which a comparison can show that a `while` repeats: its own, and that of its first statement.

    Only where no expression is half done when the line is reached, and no iterator advanced. Each comes with its loop, the
    innermost. There are none where the program asks which object is which, beyond constants: equal integers may differ
    by that.
    """
    places: dict[int, Loop] = {}
    spoilt: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare) and not _asks_for_constants_only(node):
            return {}
        if isinstance(node, ast.expr | ast.stmt):
            lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)
            if _may_be_half_done(node, len(lines)):
                spoilt.update(lines)
            if isinstance(node, ast.While):
                loop = Loop(lines[0], lines[-1])
                first = [] if isinstance(node.body[0], ast.For | ast.Try | ast.FunctionDef) else [node.body[0].lineno]
                for line in (node.lineno, *first):
                    places[line] = max(loop, places.get(line, loop))
    return {line: loop for line, loop in places.items() if line not in spoilt}


def _asks_for_constants_only(node: ast.Compare) -> bool:
    return all(
        not isinstance(kind, ast.Is | ast.IsNot)
        or (isinstance(operand, ast.Constant) and any(operand.value is one for one in _CONSTANTS))
        for kind, operand in zip(node.ops, node.comparators, strict=True)
    )


def _may_be_half_done(node: ast.expr | ast.stmt, num_lines: int) -> bool:
    """Whether a line of it may be reached in its midst: it goes over several and has no body, or has a frame of its own."""
    if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp | ast.Lambda):
        return True
    return num_lines > 1 and (isinstance(node, ast.expr) or not hasattr(node, "body"))


class Look:
    """Follows the frames of a program, line by line, for a short time.

    Args:
        namespace: Of the program's module.
        loops: As `places_of_loops` gives them.
        frames: That are running, the innermost first.
        seconds: Of CPU time.
    """

    def __init__(
        self,
        namespace: dict[str, Any],
        loops: dict[int, Loop],
        frames: list[types.FrameType],
        seconds: float = TRACE_SECONDS,
    ) -> None:
        self._namespace = namespace
        self._loops = loops
        self._frames = frames
        self._deadline = time.process_time() + seconds
        self._functions: list[types.FunctionType] = []  # kept alive, so that none has the address of another
        # by frame, and place in its code: the loop, the state when it was kept, the visits since, and until the next time
        self._kept: dict[tuple[types.FrameType, int], tuple[Loop, bytes, int, int]] = {}

    def begin(self) -> None:
        """Follow the frames."""
        for frame in self._frames:
            frame.f_trace = self.trace
        sys.settrace(_ignore)

    def end(self) -> None:
        """Follow them no longer."""
        sys.settrace(None)
        for frame in self._frames:
            frame.f_trace = None

    def trace(self, frame: types.FrameType, event: str, _: Any) -> Callable[..., Any] | None:
        """Do what `sys.settrace` has to be told to do in these frames."""
        try:
            is_endless = self._is_endless(frame, event)
        except Exception:  # noqa: BLE001  what cannot be compared proves nothing
            self.end()
            return None
        if is_endless:
            self.end()
            raise EndlessLoopError(f"line {frame.f_lineno} is reached again with everything as it was")
        if time.process_time() > self._deadline or (event == "return" and frame is self._frames[-1]):
            self.end()
            return None
        return self.trace

    def _is_endless(self, frame: types.FrameType, event: str) -> bool:
        line = frame.f_lineno
        for key, (loop, *_) in list(self._kept.items()):
            if key[0] is frame and (event == "return" or not loop.start <= line <= loop.end):
                del self._kept[key]  # a loop around it may have got further
        if event != "line" or line not in self._loops:
            return False
        state = state_of(frame, self._namespace, self._functions)
        key = frame, frame.f_lasti
        loop, kept, num_visits, next_time = self._kept.get(key, (self._loops[line], b"", 0, 1))
        if state == kept:
            return True
        num_visits += 1
        if num_visits == next_time:  # the next time twice as late: what repeats after any number of steps is found
            kept, num_visits, next_time = state, 0, 2 * next_time
        self._kept[key] = loop, kept, num_visits, next_time
        return False


def _ignore(*_: Any) -> None:
    """Trace no function that is called from here on."""


def state_of(frame: types.FrameType, namespace: dict[str, Any], functions: list[types.FunctionType]) -> bytes:
    """Return all that the code of a frame can see, as bytes that are equal only where it is.

    Args:
        frame: Of the program.
        namespace: Of its module.
        functions: Gets those that were written, by their addresses; keep them while states are compared.

    Raises:
        Exception: Something of it cannot be seen through, or there is too much of it.
    """
    names = {key: value for key, value in namespace.items() if not key.startswith("__") or key == "__name__"}
    local = {} if frame.f_locals is namespace else frame.f_locals
    file = io.BytesIO()
    _State(file, functions).dump((local, names))
    return file.getvalue()


class _State(pickle.Pickler):
    """Writes what plain data, functions and iterators hold."""

    def __init__(self, file: io.BytesIO, functions: list[types.FunctionType]) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._functions = functions
        self._left = MAX_OBJECTS

    def persistent_id(self, value: Any) -> Any:
        """Count an object, and refuse it where it has more state than it shows."""
        kind = type(value)
        size = len(value) if kind in (str, bytes) else value.bit_length() // 8 if kind is int else 0
        self._left -= 1 + size // BYTES_OF_OBJECT
        if self._left < 0:
            raise pickle.PicklingError("too much")
        is_nan = kind in (float, complex) and value != value  # in a container, equal to itself only
        if is_nan or (kind is frozenset and value) or (kind not in _PLAIN and kind.__module__ != "typing"):
            raise pickle.PicklingError(f"a {kind.__name__}")
        return None

    def reducer_override(self, value: Any) -> Any:
        """Write a function as itself, what it closes over and its defaults; a module as its name."""
        if isinstance(value, types.FunctionType):
            self._functions.append(value)
            cells = [_content(cell) for cell in value.__closure__ or ()]
            return int, (id(value),), (cells, value.__defaults__, value.__kwdefaults__)
        if isinstance(value, types.ModuleType):
            return str, (value.__name__,)
        return NotImplemented


def _content(cell: types.CellType) -> tuple[Any, ...]:
    """Return what a variable of an outer function holds; nothing where it has no value."""
    try:
        return (cell.cell_contents,)
    except ValueError:
        return ()
