"""What runs inside a program's process: load the source, call what is asked for, send back plain data.

It sees source and arguments, and no expected value. Everything here may be subverted by the program it loads; nothing
here decides a verdict. The judge speaks to it in operations, each a list whose first item names the operation:

    load PROGRAM IMPORTS     run the program, source or marshalled code, as a module
    calls ENTRY [[ARGS, KWARGS], …]     call the entry point in turn; one reply each, sent as they come
    names [NAME, …]          which of these the program defines, and what they are
    do FUNCTION ARGS KWARGS  one operation on live objects, for tests that are statements
    answer KIND …            what an operation on an object of the test gave, which the program asked for meanwhile

and, where self-contained programs take turns in one process (see `shared`):

    share [MODULE, …]        import what they may import, and get ready for the first
    trial PROGRAM IMPORTS SECONDS SOURCE     load another program, which may take so much CPU time from here on; its
                             source, where it may hold a loop without end, else nothing
    spent                    how much it has taken
    forget                   drop it, and what it made; the process ends if something is left
"""

from __future__ import annotations

import encodings
import gc
import importlib
import io
import marshal
import operator
import os
import re
import signal
import sys
import time
import types
import typing
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from staged_reward.sandbox import codec
from staged_reward.sandbox.borrowed import Borrowed, make_error
from staged_reward.sandbox.endless import EndlessLoopError, EndlessLoops
from staged_reward.sandbox.operations import CONTAINERS, FUNCTIONS
from staged_reward.sandbox.plain import GLOBAL, Error
from staged_reward.sandbox.wire import Wire, frame

MODULE_NAME = "solution"
MAX_MESSAGE_CHARS = 400
MAX_PRINTED_CHARS = 1 << 20

# kinds of reply
VALUE, RAISED, OPAQUE, LOAD_RAISED, UNPARSED, ASKED = range(6)


Code = str | bytes
"""Source, or marshalled code."""


class ExitError(Exception):
    """The judge has hung up."""


def code_of(program: Code) -> types.CodeType:
    """Return a program's code: unpack what the judge has compiled, compile source, with a byte order mark dropped."""
    if isinstance(program, bytes):
        code: types.CodeType = marshal.loads(program)
        return code
    return compile(program.removeprefix("\ufeff"), f"<{MODULE_NAME}>", "exec", dont_inherit=True)


def make_module(name: str, imports: Code) -> types.ModuleType:
    """Return an empty module, known to `sys.modules`, in which the problem's imports have run.

    They are compiled apart from the program, whose `from __future__` must stay its first statement.
    """
    module = types.ModuleType(name)
    module.__file__ = f"{os.getcwd()}/{MODULE_NAME}.py"  # where a script would be
    sys.modules[name] = module
    if imports:
        exec(code_of(imports), module.__dict__)
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


def _arguments_of(error: BaseException) -> list[Any]:
    """Return what makes an exception like this one; `args` of an `OSError` lacks the file's name."""
    if isinstance(error, OSError) and len(error.args) == 2 and error.filename is not None:
        return [*error.args, error.filename]
    return list(error.args)


def _is_of_container(method: Any) -> bool:
    """Whether this is `setdefault` of a dict, or the like: what it returns stays in there."""
    return isinstance(method, types.BuiltinMethodType) and type(method.__self__) in CONTAINERS


def _identity(value: Any) -> Any:
    """Return what tells an object from others; a method is made anew each time that it is looked up."""
    if isinstance(value, types.MethodType):
        return id(value.__self__), id(value.__func__)
    if isinstance(value, types.BuiltinMethodType):
        return id(value.__self__), value.__name__
    return id(value)


def _empty_caches() -> None:
    """Drop what Python's modules keep of arguments that they were given."""
    re.purge()
    for clear in typing._cleanups:  # type: ignore[attr-defined]
        clear()


def _num_loaded() -> tuple[int, int]:
    """Return how many modules and codecs are loaded, or were looked for in vain."""
    return len(sys.modules), len(encodings._cache)


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
        self._objects: list[Any] = []
        self._numbers: dict[Any, int] = {}  # by identity: `_objects` keeps them alive
        self._namespace: dict[str, Any] = {}
        self._printed = CappedText()
        self._asking: Any = None
        self._originals: dict[tuple[str, str], Any] = {}
        self._trial_seconds = self._began_at = 0.0
        self._loaded = (0, 0)
        self._endless = EndlessLoops(lambda: self._namespace)

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

    def _load(self, program: Code, imports: Code) -> None:
        failure = self._run_module(program, imports)
        if failure is not None:
            self._send(failure)
            self._flush()
            raise ExitError

    def _run_module(self, program: Code, imports: Code) -> list[Any] | None:
        """Run a program as a module. Return the reply that names what it raised, if it did."""
        kind = UNPARSED
        try:
            code = code_of(program)
            kind = LOAD_RAISED
            module = make_module(MODULE_NAME, imports)
            self._namespace = module.__dict__
            exec(code, self._namespace)
        except BaseException as error:  # noqa: BLE001  what the program raises is the judge's to name
            return [kind, *describe_error(error)]
        return None

    def _share(self, modules: Sequence[str]) -> None:
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGPROF])
        self._endless.get_ready()
        for name in modules:
            importlib.import_module(name)
        make_module(MODULE_NAME, "")
        _empty_caches()
        self._loaded = _num_loaded()
        self._send([VALUE])

    def _trial(self, program: Code, imports: Code, seconds: float, source: str) -> None:
        self._trial_seconds, self._began_at = seconds, time.process_time()
        signal.setitimer(signal.ITIMER_PROF, seconds)  # whose signal ends the process
        self._endless.begin(source)
        self._send(self._run_module(program, imports) or [VALUE])

    def _spent(self) -> None:
        self._send([VALUE, time.process_time() - self._began_at])

    def _forget(self) -> None:
        self._endless.end()
        signal.setitimer(signal.ITIMER_PROF, self._trial_seconds)  # what it left to be done at its end is its own, too
        self._namespace.clear()
        self._objects.clear()
        self._numbers.clear()
        _empty_caches()
        gc.collect()
        signal.setitimer(signal.ITIMER_PROF, 0)
        if _num_loaded() != self._loaded:
            raise ExitError
        self._send([VALUE])

    def _calls(self, entry_point: str, calls: Sequence[tuple[Sequence[Any], dict[str, Any]]]) -> None:
        reply, is_endless = b"", False
        for args, kwargs in calls:
            try:
                if not is_endless:  # else the judge has seen enough, and all calls get the same reply
                    reply = self._answer(resolve_entry(self._namespace, entry_point)(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001  as above
                is_endless = isinstance(error, EndlessLoopError)
                reply = codec.encode([RAISED, *describe_error(error)])
            self._pending.append(frame(reply))
            self._flush()  # at once: a reply that waited would be lost, or not, as the next call hangs, or not

    def _names(self, names: Sequence[str]) -> None:
        sys.stdout = self._printed
        found = {name: self._namespace[name] for name in names if name in self._namespace}
        described = {name: self._describe(value) for name, value in found.items()}
        self._send([VALUE, described])

    def _describe(self, value: Any) -> list[Any]:
        if isinstance(value, types.ModuleType):
            return ["module", value.__name__]
        if isinstance(value, type) and issubclass(value, BaseException):
            names = [kind.__name__ for kind in value.__mro__ if issubclass(kind, BaseException)]
            return ["exception", names, codec.encode(self._refer(value))]
        return ["value", self._encoded(value)]

    def _do(self, function: str, args: list[Any], kwargs: dict[str, Any]) -> None:
        before = self._encoded_arguments(function, args, kwargs)
        try:
            value = (FUNCTIONS.get(function) or getattr(self, f"_do_{function}"))(*args, **kwargs)
            shared = (
                function in ("getattr", "getitem") or type(value) is bytearray or (args and _is_of_container(args[0]))
            )
            reply = [VALUE, self._encoded(value) if shared else codec.encode(value, self._refer)]
        except BaseException as error:  # noqa: BLE001  as above
            reply = [RAISED, *describe_error(error), self._encoded_error(error)]
        after = self._encoded_arguments(function, args, kwargs)
        self._send([*reply, self._printed.take(), after if after != before else None])

    def _encoded(self, value: Any) -> bytes:
        """Encode what the program goes on to hold: a list that the test changes is this list."""
        return codec.encode(self._refer(value) if type(value) in CONTAINERS else value, self._refer)

    def _do_base(self, value: Any) -> bytes:
        """Return the plain data that a container, or an object of a subclass of a plain type, is."""
        return codec.encode(value, self._refer if type(value) in CONTAINERS else None)

    def _do_define(self, name: str, value: Any) -> None:
        self._namespace[name] = value

    def _do_eval(self, source: str) -> Any:
        return eval(source, self._namespace)

    def _do_exec(self, source: str, names: dict[str, Any] | None) -> dict[str, Any]:
        """Run source in the program's namespace, or in one of its own, which it returns."""
        exec(source, self._namespace if names is None else names)
        return {key: value for key, value in (names or {}).items() if key != "__builtins__"}

    def _encoded_arguments(self, function: str, args: list[Any], kwargs: dict[str, Any]) -> bytes | None:
        return codec.encode([args, kwargs], self._refer) if function == "call" else None

    def _encoded_error(self, error: BaseException) -> bytes:
        thing, module, cause = self._refer(error), str(type(error).__module__)[:100], error.__cause__
        described = None if cause is None else describe_error(cause)
        try:
            return codec.encode([_arguments_of(error), thing, module, described], self._refer)
        except Exception:  # noqa: BLE001  arguments that nest too deeply, or a class of odd ways
            return codec.encode([[], thing, module, described])

    def _do_surroundings(self, module: str, changed: dict[str, Any], restored: list[str]) -> None:
        """Put in the place of functions of a module, `input` say, what a test has put in their place on its side."""
        namespace = importlib.import_module(module).__dict__
        for name in restored:
            namespace[name] = self._originals[module, name]
        for name, value in changed.items():
            self._originals.setdefault((module, name), namespace.get(name))
            namespace[name] = value

    def _do_exit(self, manager: Any, names: list[str], args: list[Any], message: str) -> bool:
        """Leave a `with` block, in which the test raised an exception if there are names for it."""
        if not names:
            return bool(manager.__exit__(None, None, None))
        error = make_error(self._namespace, names, args, message)
        return bool(manager.__exit__(type(error), error, None))

    def _ask(self, function: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Have the judge do something with an object of the test, and serve it meanwhile."""
        if self._asking is None:
            from threading import RLock

            self._asking = RLock()
        with self._asking:
            asked = codec.encode([function, list(args), kwargs], self._refer)
            self._send([ASKED, asked, self._printed.take()])
            self._flush()
            while (message := self._wire.receive()) is not None:
                name, *operands = codec.decode(message, self._resolve)
                if name == "answer":
                    return self._take_answer(*operands)
                self.perform(name, *operands)
        raise ExitError

    def _take_answer(self, kind: int, *rest: Any) -> Any:
        if kind == RAISED:
            raise make_error(self._namespace, *rest)
        return rest[0]

    def _answer(self, value: Any) -> bytes:
        try:
            return codec.encode([VALUE, value])
        except (codec.OpaqueError, ValueError):
            return codec.encode([OPAQUE, self._refer(value)])

    def _refer(self, value: Any) -> codec.Reference:
        number = self._numbers.setdefault(_identity(value), len(self._objects))
        if number == len(self._objects):
            self._objects.append(value)
        return codec.Reference(number, str(type(value).__name__))

    def _resolve(self, reference: codec.Reference | Error) -> Any:
        if isinstance(reference, Error):
            return make_error(self._namespace, *reference)
        if reference.number >= 0:
            return self._objects[reference.number]
        if reference.number == GLOBAL:
            module, _, name = reference.type_name.partition(":")
            return operator.attrgetter(name)(importlib.import_module(module))
        return Borrowed(self._ask, reference)

    def _send(self, reply: list[Any]) -> None:
        self._pending.append(frame(codec.encode(reply)))

    def _flush(self) -> None:
        if self._pending:
            self._wire.send(*self._pending)
            self._pending.clear()
