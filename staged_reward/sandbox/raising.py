"""Exceptions of the program, as test code sees them. Trusted side.

One that Python provides is raised as itself, with its arguments. One that the program defines becomes a class of the same
name and bases; its attributes are those of the object that stays in the program's process.
"""

from __future__ import annotations

import builtins
import dis
import sys
from typing import TYPE_CHECKING, Any

from staged_reward.sandbox.codec import MalformedError
from staged_reward.sandbox.handles import Handle
from staged_reward.sandbox.lending import TESTS

if TYPE_CHECKING:
    from staged_reward.sandbox.session import Session

MAX_BASES = 50  # of an exception class
MAX_CLASSES = 500  # that one program can make us define


class _ProgramError(Exception):
    """Mixed into the exceptions that the program defines."""

    _handle: Handle | None = None
    _message = ""

    def __str__(self) -> str:
        return self._message

    def __getattr__(self, name: str) -> Any:
        if self._handle is None or name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._handle, name)


class Raiser:
    """Makes the exceptions of one program.

    Attributes:
        namespace: Of the test. What it defines under an exception's name is that exception.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._classes: dict[str, type[BaseException]] = {}
        self.namespace: dict[str, Any] = {}

    def class_of(self, names: list[Any], constructor: Any = None) -> type[BaseException]:
        """Return the class for these names, most derived first; calling it calls `constructor`, where that is known."""
        name = names[0] if isinstance(names[0], str) and names[0].isidentifier() else "Exception"
        known = getattr(builtins, name, None)
        own = self.namespace.get(name)
        for candidate in (known, own):
            if isinstance(candidate, type) and issubclass(candidate, BaseException):
                return candidate
        if name not in self._classes:
            if len(self._classes) >= MAX_CLASSES:
                return Exception
            bases = names[1:MAX_BASES]
            base = self.class_of(bases) if bases else Exception
            self._classes[name] = type(name, _bases(base), {"__module__": "solution"})
        if isinstance(constructor, Handle):
            setattr(self._classes[name], "__init__", self._initialiser(constructor))  # noqa: B010
        return self._classes[name]

    def error(self, names: list[Any], message: str, detail: Any) -> BaseException:
        """Return what to raise for what the program raised.

        Args:
            names: Of its classes, most derived first.
            message: Its text.
            detail: Its arguments, the handle of the object, and the module of its class.
        """
        match detail:
            case [list(args), handle, str(module), cause] if handle is None or isinstance(handle, Handle):
                pass
            case _:
                raise MalformedError("an exception of another shape")
        kind = _library_class(module, names[0]) or self.class_of(names)
        if issubclass(kind, _ProgramError):
            error: BaseException = kind.__new__(kind, *args)
            error._handle, error._message = handle, message  # type: ignore[attr-defined]
        else:
            error = _instance(kind, args, message)
        match cause:
            case [[str(), *_] as cause_names, str(text)]:
                error.__cause__ = _instance(self.class_of(cause_names), [text], text)
        return error

    def _initialiser(self, constructor: Handle) -> Any:
        def init(error: Any, *args: Any, **kwargs: Any) -> None:
            error._handle = self._session.call(constructor, *args, **kwargs)
            error._message = str(error._handle)

        return init


def _bases(base: type[BaseException]) -> tuple[type, ...]:
    if issubclass(base, _ProgramError):
        return (base,)
    if issubclass(base, BaseExceptionGroup) or not issubclass(base, Exception):
        return (_ProgramError,) if issubclass(base, Exception) else (_ProgramError, base)
    return (_ProgramError, base) if base is not Exception else (_ProgramError,)


def _library_class(module: str, name: Any) -> type[BaseException] | None:
    """Return an exception class of the standard library, where the test has loaded its module."""
    if module.partition(".")[0] not in sys.stdlib_module_names or not isinstance(name, str):
        return None
    if module.startswith("unittest"):  # `SkipTest` would end a test well
        return None
    kind = vars(sys.modules[module]).get(name) if module in sys.modules else None
    return kind if isinstance(kind, type) and issubclass(kind, Exception) else None


def _instance(kind: type[BaseException], args: list[Any], message: str) -> BaseException:
    for arguments in (args, [message]):
        try:
            return kind(*arguments)
        except Exception:  # noqa: BLE001, S112  the class demands other arguments
            continue
    try:
        error = kind.__new__(kind)
        error.args = (message,)
    except Exception:  # noqa: BLE001  as above
        return Exception(message)
    return error


def is_raised_by_test(error: BaseException, traceback: Any) -> bool:
    """Whether a `raise` statement of the test raised it: no assert, and nothing that the program's data could cause."""
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None or not isinstance(error, Exception) or isinstance(error, AssertionError):
        return False
    code = traceback.tb_frame.f_code
    is_raise = code.co_code[traceback.tb_lasti] == dis.opmap["RAISE_VARARGS"]
    return bool(is_raise) and traceback.tb_frame.f_globals.get("__name__") == TESTS
