"""One persistent pylint, errors and fatals only, for many short programs in memory.

`pylint.lint.Run` spends nearly all its time on setting up, on a regular expression over comments, and on checks whose
messages are disabled. Here the linter and its walker are built once; a program without comments goes straight to the
checks.

What one program leaves behind is taken back before the next: its module, what was inferred, and attributes that it
set on classes of the standard library. Modules that programs import stay cached, up to `_MAX_CACHED_MODULES`.

Importing this module imports pylint (half a second); `lint.py` does so only when asked. Not safe for use by several
threads at once: astroid's caches are global.
"""

from __future__ import annotations

import functools
import re
from typing import Any, NamedTuple

from astroid import nodes
from astroid.builder import AstroidBuilder
from astroid.context import _invalidate_cache as clear_inference_cache
from astroid.exceptions import AstroidError, AstroidSyntaxError, InferenceError
from astroid.inference_tip import clear_inference_tip_cache
from astroid.manager import AstroidManager
from pylint.checkers import BaseRawFileChecker
from pylint.checkers.clear_lru_cache import clear_lru_caches
from pylint.lint import PyLinter
from pylint.reporters import CollectingReporter
from pylint.utils import FileState
from pylint.utils.ast_walker import ASTWalker

from staged_reward.stages.syntax import FILENAME, silence_warnings

_MAX_CACHED_MODULES = 120
_UNUSUAL = re.compile(r"[^\t\n\f -~]")  # all that the checker of odd characters looks for is among these

# What a checker may raise when it trips over a program: nearly anything, but nothing that asks the process to stop.
FAULTS = (
    AstroidError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    MemoryError,
    NameError,
    OSError,
    RuntimeError,
    StopIteration,
    SyntaxError,
    TypeError,
    ValueError,
)


class Message(NamedTuple):
    """One finding. Sorts by place."""

    line: int
    column: int
    number: str
    symbol: str
    text: str


class PylintSession:
    """Lints programs one after the other; as strict as `pylint --errors-only` on a file of its own."""

    def __init__(self) -> None:
        self._linter = PyLinter(reporter=CollectingReporter())
        self._linter.load_default_plugins()
        self._linter.disable_noerror_messages()
        self._linter.initialize()
        self._walker = ASTWalker(self._linter)
        self._walker.exception_msg = True  # it has been printed, so to say: a fault is reported in the verdict
        self._checkers = self._linter.prepare_checkers()
        for checker in self._checkers:
            checker.open()
            self._walker.add_checker(checker)
        self._raw_checkers = [checker for checker in self._checkers if isinstance(checker, BaseRawFileChecker)]
        # `exceptions` only lists the builtin exceptions when it is opened, which takes longer than all others together.
        self._reopened = [checker for checker in self._checkers if checker.name != "exceptions"]
        for checker in self._checkers:
            if checker.name == "variables":
                checker._loopvar_name = _skip  # serves one warning alone, which is disabled

    def messages(self, source: str) -> list[Message]:
        """Errors and fatals of one program, by place.

        Args:
            source: A program without comments.

        Raises:
            FAULTS: The linter tripped. This says nothing about the program.
        """
        journal: list[tuple[dict[str, Any], str, Any]] = []
        try:
            return self._check(source, journal)
        except AstroidSyntaxError as fault:
            return [_syntax_message(fault.error)]
        finally:
            _forget(journal)

    def _check(self, source: str, journal: list[tuple[dict[str, Any], str, Any]]) -> list[Message]:
        linter = self._linter
        linter.reporter.reset()
        module = _build(source, journal)
        linter.set_current_module(FILENAME)
        linter.file_state = FileState(FILENAME, linter.msgs_store, module)
        for checker in self._reopened:
            checker.open()
        for checker in self._raw_checkers:
            if checker.name != "unicode_checker" or _UNUSUAL.search(source):
                checker.process_module(module)
        self._walker.walk(module)
        for checker in reversed(self._checkers):
            checker.close()
        return sorted(Message(m.line, m.column, m.msg_id, m.symbol, m.msg) for m in linter.reporter.messages)


def _build(source: str, journal: list[tuple[dict[str, Any], str, Any]]) -> nodes.Module:
    silence_warnings(FILENAME)
    builder = AstroidBuilder(AstroidManager())
    builder.delayed_assattr = functools.partial(_assign_attribute, builder.delayed_assattr, journal)
    return builder.string_build(source, FILENAME)


def _assign_attribute(assign: Any, journal: list[tuple[dict[str, Any], str, Any]], node: nodes.AssignAttr) -> None:
    """Let astroid note `x.name = ...` on what `x` is; write down where, when that is not the program's own."""
    assign(node)
    own = node.root()
    try:
        targets = [getattr(value, "_proxied", value) for value in node.expr.infer()]
    except InferenceError:
        return
    for target in targets:
        if isinstance(target, nodes.NodeNG) and target.root() is not own:
            tables = (getattr(target, "locals", {}), getattr(target, "instance_attrs", {}))
            journal += [(table, node.attrname, node) for table in tables if node in table.get(node.attrname, ())]


def _skip(node: nodes.Name) -> None:
    """Stands in for a check whose only message is disabled."""


def _forget(journal: list[tuple[dict[str, Any], str, Any]]) -> None:
    for table, name, node in journal:
        kept = [other for other in table.get(name, ()) if other is not node]
        table[name] = kept
        if not kept:
            del table[name]
    manager = AstroidManager()
    manager.astroid_cache.pop(FILENAME, None)
    clear_inference_cache()
    clear_inference_tip_cache()
    clear_lru_caches()
    if len(manager.astroid_cache) > _MAX_CACHED_MODULES:
        manager.clear_cache()


def _syntax_message(error: Any) -> Message:
    return Message(
        getattr(error, "lineno", 0) or 0, getattr(error, "offset", 0) or 0, "E0001", "syntax-error", str(error)
    )
