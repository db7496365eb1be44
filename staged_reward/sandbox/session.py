"""One program's process, spoken to object by object. Trusted side; what stands for an object is a `Handle`.

Names that the program defines are plain values, handles or exception classes: the program cannot put its own functions
in the place of Python's builtins and modules. What a test passes on is plain data, a reference to an object of the
program, or lent (see `lending`).
"""

from __future__ import annotations

import builtins
import importlib
import operator
import random
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from staged_reward.errors import InfraError
from staged_reward.sandbox import codec
from staged_reward.sandbox.derive import Derived, class_body
from staged_reward.sandbox.guest import ASKED, RAISED, VALUE
from staged_reward.sandbox.handles import Handle, is_plain
from staged_reward.sandbox.host import GuestProcess
from staged_reward.sandbox.lending import Lender, names_of
from staged_reward.sandbox.plain import Error
from staged_reward.sandbox.probing import Prober
from staged_reward.sandbox.raising import Raiser, is_raised_by_test
from staged_reward.sandbox.reply import GuestGoneError, LoadError, Shapes, receive_reply
from staged_reward.sandbox.signatures import make_signature
from staged_reward.sandbox.strict_array import strict
from staged_reward.sandbox.wire import FrameTooLargeError, frame
from staged_reward.sandbox.write_back import write_back

# The modules that a test gets because the program imported them. Others it imports itself: importing one may run it.
SHARED_MODULES = frozenset({
    "abc", "array", "base64", "bisect", "calendar", "cmath", "collections", "contextlib", "copy", "dataclasses",
    "datetime", "decimal", "enum", "fractions", "functools", "hashlib", "heapq", "inspect", "io", "itertools", "json",
    "math", "numbers", "numpy", "operator", "os", "random", "re", "statistics", "string", "struct", "sys", "textwrap",
    "time", "types", "typing", "unicodedata", "uuid", "warnings",
})  # fmt: skip
_REPLACEABLE = {"builtins": builtins, "random": random, "time": time}
_ITERATING = frozenset({"__next__", "next", "send", "throw"})
# Names that mean what the standard library means by them, whoever imported them.
_SHARED_NAMES = {
    "collections": ("Counter", "OrderedDict", "defaultdict", "deque", "namedtuple"),
    "decimal": ("Decimal",),
    "fractions": ("Fraction",),
    "datetime": ("date", "datetime", "timedelta"),
    "math": ("inf", "isclose", "nan", "pi", "sqrt"),
    "itertools": ("chain", "combinations", "islice", "permutations"),
    "functools": ("partial", "reduce"),
}
_MODULE_OF_NAME = {name: module for module, names in _SHARED_NAMES.items() for name in names}
MAX_HANDLES = 200_000
MAX_REMARKS = 5

_NAMES_SHAPE: Shapes = {VALUE: (dict,)}
_DO_SHAPES: Shapes = {
    VALUE: (bytes, str, bytes | None),
    RAISED: (list, str, bytes, str, bytes | None),
    ASKED: (bytes, str),
}


class Session:
    """The conversation with one program's process.

    Args:
        guest: The process.
        handle_class: What stands for an object; `Handle` by default.

    Attributes:
        failure: What ended the conversation, if anything did: a test's own `except` may have hidden it.
        remarks: What was refused, or done otherwise than Python would, since the last `clear`.
        raiser: Makes the exceptions that the program raised.
        prober: Doubts the equality of the program's classes.
        lender: Keeps the objects of the test that the program holds.
    """

    def __init__(self, guest: GuestProcess, handle_class: type[Handle] | None = None) -> None:
        self._guest = guest
        self._handle_class = handle_class or Handle
        self._handles: dict[int, Handle] = {}
        self._attributes: dict[int, str] = {}  # number of what an attribute gave → its name
        self._subjects: set[int] = set()  # numbers of instances that the test made itself
        self._classes: set[int] = set()  # numbers of objects whose name in the test is that of a class
        self._baseless: set[int] = set()
        self._surroundings: dict[str, dict[str, Any]] = {}
        self._replaced: dict[str, dict[str, Any]] = {}
        self.lender = Lender()
        self.raiser = Raiser(self)
        self.prober = Prober(self)
        self.failure: BaseException | None = None
        self.remarks: list[str] = []

    def names(self, names: Collection[str], *, entry_point: str) -> dict[str, Any]:
        """Return those of `names` that the program defines: values, handles, exception classes, standard modules.

        Names of builtins and of shared modules keep their meaning, unless one is the entry point.
        """
        entry = entry_point.partition(".")[0].removesuffix("()")
        wanted = sorted(
            name for name in names if name == entry or not (name.startswith("__") or hasattr(builtins, name))
        )
        with self._noting_failure():
            _, (described,) = self._ask(_NAMES_SHAPE, "names", wanted)
            found: dict[str, Any] = {}
            for name in wanted:
                match described.get(name):
                    case ["exception", [str(), *_] as bases, bytes(data)]:
                        found[name] = self.raiser.class_of(bases, self._plain(data))
                    case ["module", str(module)] if module in SHARED_MODULES:
                        with suppress(ImportError):
                            found[name] = importlib.import_module(module)
                    case ["value", bytes()] if name != entry and name in _MODULE_OF_NAME:
                        found[name] = getattr(importlib.import_module(_MODULE_OF_NAME[name]), name)
                    case ["value", bytes(data)] if name == entry or name not in SHARED_MODULES:
                        found[name] = self._named(name, self._plain(data))
        return found

    def do(self, function: str, *args: Any, **kwargs: Any) -> Any:
        """Perform one of the guest's functions; raise what the program raised."""
        with self._noting_failure():
            kind, items = self._ask(_DO_SHAPES, "do", function, list(args), kwargs, shared=True)
            while kind == ASKED:
                data, printed = items
                sys.stdout.write(printed)
                answer = self.lender.answer(self._plain(data))
                kind, items = self._ask(_DO_SHAPES, "answer", *answer, shared=True)
            *items, printed, mutated = items
            after = None if mutated is None else self._plain(mutated)
            value = self._plain(items[-1])
        sys.stdout.write(printed)
        write_back([args, kwargs], after)
        if kind == RAISED:
            names, message, _ = items
            raise self.raiser.error(names, message, value)
        return value

    def attribute(self, handle: Handle, name: str) -> Any:
        """Return an attribute of an object of the program."""
        value = self.do("getattr", handle, name)
        if isinstance(value, Handle):
            self._attributes[value.__reference__().number] = name
        return value

    def call(self, function: Handle, *args: Any, **kwargs: Any) -> Any:
        """Call a function or a class of the program."""
        for name, originals in self._surroundings.items():
            found = _functions_of(name)
            if found != originals or self._replaced.get(name):
                self._replace(name, found)
        try:
            result = self.do("call", function, *args, **kwargs)
        except StopIteration as error:
            if self._attributes.get(function.__reference__().number) in _ITERATING:
                raise
            self.note("StopIteration of a function is raised as RuntimeError: `map` and the like would end by it")
            raise RuntimeError("the program raised StopIteration") from error
        if function.__reference__().number not in self._classes:
            return result
        self.prober.note_made(result, function, args, kwargs)
        return self.as_subject(result)

    def equal(self, one: Handle, other: Handle) -> bool:
        """Whether the program says that two of its objects are equal."""
        is_equal = bool(self.do("eq", one, other))
        if is_equal:
            self.prober.note_equal(one, other)
        return is_equal

    def watch_surroundings(self) -> None:
        """Take what Python's own functions are: what a test puts in their place from here on is for the program, too."""
        self._surroundings = {name: dict(_functions_of(name)) for name in (*_REPLACEABLE, "sys")}

    def _replace(self, module: str, found: dict[str, Any]) -> None:
        """Tell the program what the test has put in the place of Python's own functions: a mock of `input`, say."""
        originals, before = self._surroundings[module], self._replaced.get(module, {})
        replaced = {name: value for name, value in found.items() if value is not originals.get(name) and name != "_"}
        changed = {name: value for name, value in replaced.items() if before.get(name) is not value}
        restored = [name for name in before if name not in replaced]
        self._replaced[module] = replaced
        if changed or restored:
            self.do("surroundings", module, changed, restored)

    def base(self, handle: Handle) -> Any:
        """Return the plain data that an object of a subclass of a plain type is; ask `has_base` first."""
        data = self.do("base", handle)
        with self._noting_failure():
            if type(data) is not bytes:
                raise codec.MalformedError("no base value")
            return self._plain(data)

    def has_base(self, handle: Handle) -> bool:
        """Whether an object is a container, or of a subclass of a plain type."""
        number = handle.__reference__().number
        if number not in self._baseless:
            try:
                if is_plain(self.base(handle)):
                    return True
            except Exception:  # noqa: BLE001, S110  the program's way to say no
                pass
            self._baseless.add(number)
        return False

    def compute(self, function: str, *operands: Any) -> Any:
        """Perform an operation on plain data here."""
        return (divmod if function == "divmod" else getattr(operator, function))(*operands)

    def is_subject(self, handle: Handle) -> bool:
        """Whether the test made this instance by calling a class, or by arithmetic on such instances."""
        return handle.__reference__().number in self._subjects

    def as_subject(self, value: Any) -> Any:
        """Note that a value, where it is a handle, is an instance that the test made."""
        if isinstance(value, Handle):
            self._subjects.add(value.__reference__().number)
        return value

    def refuse(self, what: str) -> None:
        """Note an operation that would be the program's word for a result."""
        self.note(f"{what} cannot be judged soundly, and counts as unequal")

    def note(self, remark: str) -> None:
        """Keep a remark for the verdict."""
        if remark not in self.remarks and len(self.remarks) < MAX_REMARKS:
            self.remarks.append(remark)

    def signature(self, handle: Handle) -> Any:
        """Return the signature of a function of the program, as `inspect` has it."""
        return make_signature(self.do("signature", handle))

    def leave(self, manager: Handle, error: BaseException | None, traceback: Any) -> bool:
        """Leave a `with` block of one of the program's context managers."""
        if error is None:
            self.do("exit", manager, [], [], "")
            return False
        swallows = bool(self.do("exit", manager, *names_of(error)))
        if swallows and not is_raised_by_test(error, traceback):
            self.note("a `with` block of the program does not swallow what the test did not raise itself")
            return False
        return swallows

    def derivation(self, base: Handle) -> type:
        """Return the class that makes a subclass of a class of the program when the test derives from it."""
        stand_in: type = Derived("Derived", (), {"_session": self, "_base": base})
        return stand_in

    def build_class(self, name: str, bases: list[Any], body: dict[str, Any]) -> Any:
        """Make a class in the program's process whose functions are the test's."""
        return self._named(name, self.do("build_class", name, bases, class_body(body)))

    @contextmanager
    def _noting_failure(self) -> Iterator[None]:
        try:
            yield
        except (GuestGoneError, LoadError, codec.MalformedError, FrameTooLargeError, InfraError) as error:
            self.failure = error
            raise

    def _ask(self, shapes: Shapes, name: str, *operands: Any, shared: bool = False) -> tuple[int, list[Any]]:
        refer = self.lender.lend if shared else None
        self._guest.send(frame(codec.encode([name, *operands], refer)))
        return receive_reply(self._guest, shapes)

    def _plain(self, data: bytes) -> Any:
        return strict(codec.decode(data, self._resolve, bounded=True))

    def _resolve(self, reference: codec.Reference | Error) -> Any:
        if isinstance(reference, Error):
            raise codec.MalformedError("an exception that only a test may pass")
        return self._handle(reference) if reference.number >= 0 else self.lender.lent(reference)

    def _handle(self, reference: codec.Reference) -> Handle:
        """Return the one handle of an object: `is` means the same on both sides."""
        handle = self._handles.get(reference.number)
        if handle is None:
            if len(self._handles) >= MAX_HANDLES:
                raise codec.TooLargeError(f"more than {MAX_HANDLES:,} objects")
            handle = self._handles[reference.number] = self._handle_class(self, reference)
        return handle

    def _named(self, name: str, value: Any) -> Any:
        if isinstance(value, Handle) and name[:1].isupper() and "_" not in name:
            self._classes.add(value.__reference__().number)
        return value


def _functions_of(module: str) -> dict[str, Any]:
    return {"stdin": sys.stdin, "argv": sys.argv} if module == "sys" else vars(_REPLACEABLE[module])
