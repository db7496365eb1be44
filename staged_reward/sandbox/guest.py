"""What runs inside a program's process: load the source, call what is asked for, send back plain data.

It sees source and arguments, and no expected value. Everything here may be subverted by the program it loads; nothing
here decides a verdict. The judge speaks to it in operations, each a list whose first item names the operation:

    load SOURCE IMPORTS      compile and run the program as a module
    calls ENTRY [[ARGS, KWARGS], …]     call the entry point in turn; one reply each, sent as they come
    names [NAME, …]          which of these the program defines, and what they are
    do FUNCTION ARGS KWARGS  one operation on live objects, for tests that are statements
"""

from __future__ import annotations

import builtins
import io
import operator
import sys
import time
import types
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from staged_reward.sandbox import codec
from staged_reward.sandbox.wire import Wire, frame

MODULE_NAME = "solution"
FLUSH_SECONDS = 0.002
MAX_MESSAGE_CHARS = 400
MAX_PRINTED_CHARS = 1 << 20

# kinds of reply
VALUE, RAISED, OPAQUE, LOAD_RAISED, UNPARSED = 0, 1, 2, 3, 4


class ExitError(Exception):
    """The judge has hung up."""


def compile_source(source: str) -> types.CodeType:
    """Compile a program, with a byte order mark dropped."""
    return compile(source.removeprefix("\ufeff"), f"<{MODULE_NAME}>", "exec", dont_inherit=True)


def make_module(name: str, imports: str) -> types.ModuleType:
    """Return an empty module, known to `sys.modules`, in which the problem's imports have run.

    They are compiled apart from the program, whose `from __future__` must stay its first statement.
    """
    module = types.ModuleType(name)
    sys.modules[name] = module
    if imports:
        exec(compile(imports, "<imports>", "exec", dont_inherit=True), module.__dict__)
    return module


def resolve_entry(namespace: dict[str, Any], entry_point: str) -> Callable[..., Any]:
    """Find `f`, `Class`, `Class.f` or `Class().f`; a bare `f` may also be a method of a class `Solution`.

    `Class().f` makes an instance for every call.
    """
    head, _, tail = entry_point.partition(".")
    if head.endswith("()"):
        make = namespace[head[:-2]]
        return lambda *args, **kwargs: operator.attrgetter(tail)(make())(*args, **kwargs)
    if head not in namespace and not tail and hasattr(namespace.get("Solution"), head):
        make = namespace["Solution"]
        return lambda *args, **kwargs: getattr(make(), head)(*args, **kwargs)
    if head not in namespace:
        raise NameError(f"name {head!r} is not defined")
    found: Callable[..., Any] = operator.attrgetter(tail)(namespace[head]) if tail else namespace[head]
    return found


def describe_error(error: BaseException) -> list[Any]:
    """Return [names of the exception's classes up to BaseException, its message], whatever the exception does."""
    names = [str(kind.__name__)[:100] for kind in type(error).__mro__ if issubclass(kind, BaseException)]
    try:
        message = str(error)[:MAX_MESSAGE_CHARS]
    except BaseException as nested:  # noqa: BLE001  the program's own __str__ may raise anything
        message = f"<str() raised {type(nested).__name__}>"
    return [names, message]


class CappedText(io.StringIO):
    """Text written to stdout, up to a size."""

    def write(self, text: str) -> int:
        if self.tell() + len(text) <= MAX_PRINTED_CHARS:
            super().write(text)
        return len(text)

    def take(self) -> str:
        """Return what was written since the last call."""
        text = self.getvalue()
        self.seek(0)
        self.truncate()
        return text


class Guest:
    """Serves the operations of one judge for one program."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._pending: list[bytes] = []
        self._flushed = time.monotonic()
        self._objects: list[Any] = []
        self._numbers: dict[int, int] = {}  # by id: `_objects` keeps them alive
        self._namespace: dict[str, Any] = {}
        self._printed = CappedText()

    def serve(self) -> NoReturn:
        """Answer operations until the judge hangs up.

        Raises:
            ExitError: It has.
        """
        while (message := self._wire.receive()) is not None:
            self.perform(*codec.decode(message, self._resolve))
        raise ExitError

    def perform(self, name: str, *operands: Any) -> None:
        """Do one operation and send its replies."""
        getattr(self, f"_{name}")(*operands)
        self._flush()

    def _load(self, source: str, imports: str) -> None:
        kind = UNPARSED
        try:
            code = compile_source(source)
            kind = LOAD_RAISED
            module = make_module(MODULE_NAME, imports)
            self._namespace = module.__dict__
            exec(code, self._namespace)
        except BaseException as error:  # noqa: BLE001  what the program raises is the judge's to name
            self._send([kind, *describe_error(error)])
            self._flush()
            raise ExitError from None

    def _calls(self, entry_point: str, calls: Sequence[tuple[Sequence[Any], dict[str, Any]]]) -> None:
        for args, kwargs in calls:
            try:
                reply = self._answer(resolve_entry(self._namespace, entry_point)(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001  as above
                reply = codec.encode([RAISED, *describe_error(error)])
            self._pending.append(frame(reply))
            if time.monotonic() - self._flushed > FLUSH_SECONDS:
                self._flush()

    def _names(self, names: Sequence[str]) -> None:
        sys.stdout = self._printed
        found = {name: self._namespace[name] for name in names if name in self._namespace}
        described = {name: self._describe(value) for name, value in found.items()}
        self._send([VALUE, described])

    def _describe(self, value: Any) -> list[Any]:
        if isinstance(value, types.ModuleType):
            return ["module", value.__name__]
        if isinstance(value, type) and issubclass(value, BaseException):
            return ["exception", [kind.__name__ for kind in value.__mro__ if issubclass(kind, BaseException)]]
        return ["value", codec.encode(value, self._refer)]

    def _do(self, function: str, args: list[Any], kwargs: dict[str, Any]) -> None:
        before = codec.encode(args, self._refer) if function == "call" else b""
        try:
            value = FUNCTIONS[function](*args, **kwargs)
            reply = [VALUE, codec.encode(value, self._refer), self._printed.take()]
        except BaseException as error:  # noqa: BLE001  as above
            reply = [RAISED, *describe_error(error), self._printed.take()]
        after = codec.encode(args, self._refer) if function == "call" else b""
        self._send([*reply, after if after != before else None])

    def _answer(self, value: Any) -> bytes:
        try:
            return codec.encode([VALUE, value])
        except (codec.OpaqueError, ValueError):
            return codec.encode([OPAQUE, self._refer(value)])

    def _refer(self, value: Any) -> codec.Reference:
        number = self._numbers.setdefault(id(value), len(self._objects))
        if number == len(self._objects):
            self._objects.append(value)
        return codec.Reference(number, str(type(value).__name__))

    def _resolve(self, reference: codec.Reference) -> Any:
        return self._objects[reference.number]

    def _send(self, reply: list[Any]) -> None:
        self._pending.append(frame(codec.encode(reply)))

    def _flush(self) -> None:
        if self._pending:
            self._wire.send(*self._pending)
            self._pending.clear()
        self._flushed = time.monotonic()


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "call": lambda function, *args, **kwargs: function(*args, **kwargs),
    **{
        name: getattr(builtins, name)
        for name in ("getattr", "setattr", "delattr", "len", "iter", "next", "bool", "str")
    },
    **{name: getattr(builtins, name) for name in ("repr", "hash", "isinstance", "int", "float", "abs", "reversed")},
    **{name: getattr(operator, name) for name in ("getitem", "setitem", "delitem", "contains", "neg")},
    **{name: getattr(operator, name) for name in ("eq", "ne", "lt", "le", "gt", "ge")},
    **{name: getattr(operator, name) for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul")},
    **{name: getattr(operator, name) for name in ("and_", "or_", "xor")},
}
