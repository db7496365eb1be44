"""Objects of the test that the program holds: functions, iterators, instances of classes that the test defines. Trusted
side of `borrowed`.

The program may do with one what a caller can do, and no more: call it, iterate, use operators and public attributes. It
reaches no frame, no namespace and no code object from there, so it learns nothing that calling the thing would not tell.
What Python itself provides (`len`, `math.sqrt`, `ValueError`) is not lent: the program is told its name.
"""

from __future__ import annotations

import builtins
import operator
import sys
import types
from collections.abc import Callable
from typing import Any

from staged_reward.errors import InfraError
from staged_reward.sandbox.borrowed import OPERATIONS
from staged_reward.sandbox.codec import MalformedError, Reference
from staged_reward.sandbox.guest import RAISED, VALUE
from staged_reward.sandbox.plain import GLOBAL, Error
from staged_reward.sandbox.signatures import describe_signature
from staged_reward.sandbox.wire import FrameTooLargeError

TESTS = "tests"  # the module that test code believes to be
MAX_LENT = 100_000
MAX_MESSAGE_CHARS = 400
_INNER = ("_", "gi_", "cr_", "ag_", "f_", "tb_", "co_", "func_", "mro")
_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.MethodWrapperType)
_FUNCTION_ATTRIBUTES = frozenset({"__name__", "__qualname__", "__doc__"})


def run_awaitable(awaitable: Any) -> Any:
    """Run a coroutine of the test to its end; an event loop that is running here goes on afterwards."""
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    async def wait() -> Any:
        return await awaitable

    with ThreadPoolExecutor(1) as executor:
        return executor.submit(asyncio.run, wait()).result()


_OPERATIONS: dict[str, Callable[..., Any]] = {
    **{name: getattr(operator if hasattr(operator, name) else builtins, name) for name in OPERATIONS[:-2]},
    "call": lambda function, *args, **kwargs: function(*args, **kwargs),
    "enter": lambda manager: manager.__enter__(),
    "exit": lambda manager, *error: manager.__exit__(None, None, None),
    "iter": iter,
    "signature": describe_signature,
    "run": run_awaitable,
}


class Lender:
    """Keeps what is lent, and does what the program asks of it.

    Attributes:
        failed_assert: The text of an assert that failed in a function of the test which the program called: the program
            may have swallowed it.
    """

    def __init__(self) -> None:
        self._lent: list[Any] = []
        self._numbers: dict[int, int] = {}  # by id: `_lent` keeps them alive
        self.failed_assert: str | None = None

    def lend(self, value: Any) -> Reference | Error:
        """Return what stands for an object of the test in the program's process.

        Raises:
            TypeError: The program could do nothing with it.
        """
        name = global_name(value)
        if name:
            return Reference(GLOBAL, name)
        if isinstance(value, BaseException):
            return Error(*names_of(value))
        if isinstance(value, types.ModuleType | types.FrameType | types.CodeType | types.TracebackType):
            raise TypeError(f"a test cannot pass a {type(value).__name__} to the program")
        number = self._numbers.get(id(value))
        if number is None:
            if len(self._lent) >= MAX_LENT:
                raise TypeError(f"a test cannot pass more than {MAX_LENT:,} objects to the program")
            number = self._numbers[id(value)] = len(self._lent)
            self._lent.append(value)
        return Reference(GLOBAL - 1 - number, type(value).__name__[:100])

    def lent(self, reference: Reference) -> Any:
        """Return the object that a reference stands for.

        Raises:
            MalformedError: It was never lent.
        """
        index = GLOBAL - 1 - reference.number
        if not 0 <= index < len(self._lent):
            raise MalformedError("a reference to what was never lent")
        return self._lent[index]

    def answer(self, request: Any) -> list[Any]:
        """Do what the program asks for, and return the operands of the answer.

        Raises:
            MalformedError: It is no request.
        """
        match request:
            case [str(function), [target, *operands], dict(kwargs)] if function in (*_OPERATIONS, "getattr", "setattr"):
                if id(target) not in self._numbers or not all(isinstance(key, str) for key in kwargs):
                    raise MalformedError("a request about what was never lent")
            case _:
                raise MalformedError("a request of another shape")
        try:
            return [VALUE, _perform(function, target, operands, kwargs)]
        except (MalformedError, FrameTooLargeError, InfraError):
            raise
        except Exception as error:  # noqa: BLE001  the program sees what the test's own function raises
            if isinstance(error, AssertionError):
                self.failed_assert = text_of(error)
            return [RAISED, *names_of(error)]


def _perform(function: str, target: Any, operands: list[Any], kwargs: dict[str, Any]) -> Any:
    if function in ("getattr", "setattr"):
        name = operands[0]
        if not _may_access(target, name, write=function == "setattr"):
            raise AttributeError(f"the test's object has no attribute {str(name)[:100]!r} for the program")
        return getattr(target, name) if function == "getattr" else setattr(target, name, operands[1])
    return _OPERATIONS[function](target, *operands, **kwargs)


def _may_access(target: Any, name: Any, *, write: bool) -> bool:
    if type(name) is not str:
        return False
    if isinstance(target, _FUNCTIONS):
        return name in _FUNCTION_ATTRIBUTES and not write
    if type(target).__module__ == TESTS or (isinstance(target, type) and target.__module__ == TESTS):
        return not name.startswith("__")
    return not write and not name.startswith(_INNER)


def global_name(value: Any) -> str:
    """Return "module:name" of a function or class that Python or numpy provides; empty for anything else."""
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if isinstance(value, types.MethodDescriptorType):
        owner = global_name(value.__objclass__)
        return f"{owner}.{value.__name__}" if owner else ""
    if not isinstance(value, type | types.BuiltinFunctionType | types.FunctionType):
        return ""
    if not isinstance(module, str) or not isinstance(name, str):
        return ""
    if module.partition(".")[0] not in sys.stdlib_module_names and module.partition(".")[0] != "numpy":
        return ""
    if _find(module, name) is value:
        return f"{module}:{name}"
    found = [key for key, item in vars(types).items() if item is value]
    return f"types:{found[0]}" if found else ""


def _find(module: str, name: str) -> Any:
    try:
        return operator.attrgetter(name)(sys.modules[module])
    except (AttributeError, KeyError):
        return None


def text_of(error: BaseException) -> str:
    """Return an exception's message, of bounded length."""
    try:
        return str(error)[:MAX_MESSAGE_CHARS]
    except Exception as nested:  # noqa: BLE001  an int of many digits, or an object whose `__str__` raises
        return f"<str() raised {type(nested).__name__}>"


def names_of(error: BaseException) -> list[Any]:
    """Return [names of an exception's classes, its arguments, its message]."""
    names = [kind.__name__ for kind in type(error).__mro__ if issubclass(kind, BaseException)]
    return [names, list(error.args), text_of(error)]
