"""pylint's checkers with errors and fatals only, and a walk that calls nothing else.

Many checkers do work for messages that are disabled here, and some do work for messages that need a word that a
program does not contain (`getenv`, `nonlocal`). `_SILENT` and `_WORDS` name these; every entry rests on pylint's own
code: the method can emit nothing else. Everything that can emit an error on the program at hand runs.

Comments must have been stripped: no `# pylint:` pragma is looked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from astroid import nodes
from pylint.checkers.classes.class_checker import ScopeAccessMap
from pylint.checkers.utils import is_builtin
from pylint.lint import PyLinter
from pylint.reporters import CollectingReporter
from pylint.utils.ast_walker import ASTWalker

from staged_reward.stages.syntax import FILENAME

Callback = Callable[[Any], None]
_Table = dict[type[nodes.NodeNG], tuple[list[Callback], list[Callback]]]

_UNUSUAL = re.compile(r"[^\t\n\f -~]")  # all that the checker of odd characters looks for is among these

# Methods whose only messages are disabled: warnings on loop variables, unused names, import order, and the like.
_SILENT = {
    "VariablesChecker": (
        "_loopvar_name",
        "_check_late_binding_closure",
        "_check_globals",
        "_check_imports",
        "_store_type_annotation_node",
        "_check_self_cls_assign",
    ),
    "TypeChecker": ("_check_argument_order",),
    "StdlibChecker": ("check_deprecated_method", "check_deprecated_class_in_call"),
    "MethodArgsChecker": ("_check_missing_timeout",),
    "ImportsChecker": (
        "_add_imported_module",
        "_record_import",
        "_check_position",
        "_check_reimport",
        "_check_import_as_rename",
        "_check_toplevel",
        "_check_preferred_module",
        "_check_same_line_imports",
        "_check_wildcard_imports",
        "_check_misplaced_future",
        "check_deprecated_module",
    ),
}

# Callbacks that need not be called at all: they only gather what disabled messages need.
_UNUSED = {
    "BasicChecker": ("visit_module", "visit_try", "leave_try"),
    "ImportsChecker": (
        "visit_module",
        "leave_module",
        "compute_first_non_import_node",
        "visit_functiondef",
    ),
    "StringFormatChecker": ("visit_assign",),
}

# Methods that can report an error only if the source has a match.
_WORDS = {
    ("BasicErrorChecker", "_check_nonlocal_and_global"): re.compile("nonlocal"),
    ("BasicErrorChecker", "_check_name_used_prior_global"): re.compile("global"),
    ("BasicErrorChecker", "visit_call"): re.compile("import"),  # abstract classes: there is none among the builtins
    ("DataclassChecker", "visit_call"): re.compile("field"),
    ("LoggingChecker", "visit_call"): re.compile("logg|log_to_stderr", re.IGNORECASE),
    ("StdlibChecker", "visit_call"): re.compile("getenv"),
    ("StringFormatChecker", "visit_call"): re.compile("strip|format"),
}


class Finding(NamedTuple):
    """One message. Sorts by place."""

    line: int
    column: int
    number: str
    symbol: str
    text: str


class Checks:
    """The checkers, opened once, for one program after the other.

    After an exception from `run` the checkers' state is undefined: make another object.
    """

    def __init__(self) -> None:
        self._linter = PyLinter(reporter=CollectingReporter())
        self._linter.load_default_plugins()
        self._linter.disable_noerror_messages()
        self._linter.initialize()
        self._linter.set_current_module(FILENAME)
        _ignore_disabled_messages(self._linter)
        checkers = self._linter.prepare_checkers()
        self._by_class = {type(checker).__name__: checker for checker in checkers}
        self._walker = ASTWalker(self._linter)
        for checker in checkers:
            checker.open()
            for name in _SILENT.get(type(checker).__name__, ()):
                assert callable(getattr(checker, name))
                setattr(checker, name, _nothing)
            self._walker.add_checker(checker)
        self._originals = {
            (owner, name): getattr(self._by_class[owner], name)
            for owner, name in _WORDS
            if not name.startswith("visit_")
        }
        self._tables: dict[frozenset[tuple[str, str]], _Table] = {}

    def run(self, module: nodes.Module, source: str) -> list[Finding]:
        """Errors and fatals of one program, by place."""
        self._linter.reporter.reset()
        self._by_class["ClassChecker"]._accessed = ScopeAccessMap()
        idle = frozenset(key for key, word in _WORDS.items() if not word.search(source))
        for (owner, name), method in self._originals.items():
            setattr(self._by_class[owner], name, _nothing if (owner, name) in idle else method)
        if _UNUSUAL.search(source):
            self._by_class["UnicodeChecker"].process_module(module)
        _walk(module, self._tables.get(idle) or self._table(idle))
        return sorted(Finding(m.line, m.column, m.msg_id, m.symbol, m.msg) for m in self._linter.reporter.messages)

    def _table(self, idle: frozenset[tuple[str, str]]) -> _Table:
        """What to call for each kind of node, without what is idle for this program."""
        visits, leaves = self._walker.visit_events, self._walker.leave_events

        def active(callbacks: list[Callback]) -> list[Callback]:
            kept = [callback for callback in callbacks if _key(callback) not in idle and not _is_unused(callback)]
            return [_guarded(callback) for callback in kept]

        kinds = {kind: kind.__name__.lower() for kind in nodes.ALL_NODE_CLASSES}
        table = {kind: (active(visits[name]), active(leaves[name])) for kind, name in kinds.items()}
        self._tables[idle] = table
        return table


def _walk(node: nodes.NodeNG, table: _Table) -> None:
    entering, leaving = table.get(type(node), _NO_CALLBACKS)
    for callback in entering:
        callback(node)
    for child in node.get_children():
        _walk(child, table)
    for callback in leaving:
        callback(node)


_NO_CALLBACKS: tuple[list[Callback], list[Callback]] = ([], [])


def _key(callback: Callback) -> tuple[str, str]:
    return type(callback.__self__).__name__, callback.__name__  # type: ignore[attr-defined]


def _is_unused(callback: Callback) -> bool:
    owner, name = _key(callback)
    return name in _UNUSED.get(owner, ())


def _guarded(callback: Callback) -> Callback:
    """The callback, or one that calls it only for nodes on which it can do something."""
    guard = _GUARDS.get(_key(callback))
    if guard is None:
        return callback
    checker = callback.__self__  # type: ignore[attr-defined]

    def guarded(node: nodes.NodeNG) -> None:
        if guard(checker, node):
            callback(node)

    return guarded


def _is_reversed_or_format(_: Any, node: nodes.Call) -> bool:
    return getattr(node.func, "name", "") == "reversed" or getattr(node.func, "attrname", "") == "format"


def _has_keywords(_: Any, node: nodes.Call) -> bool:
    return bool(node.keywords)


def _is_no_plain_builtin(checker: Any, node: nodes.Name) -> bool:
    """False for the name of a builtin that no scope around the node defines as well."""
    name = node.name
    return not is_builtin(name) or any(
        name in scope.to_consume or name in scope.consumed for scope in checker._to_consume
    )


_GUARDS: dict[tuple[str, str], Callable[[Any, Any], bool]] = {
    ("BasicChecker", "visit_call"): _is_reversed_or_format,
    ("MethodArgsChecker", "visit_call"): _has_keywords,
    ("VariablesChecker", "visit_name"): _is_no_plain_builtin,
}


def _ignore_disabled_messages(linter: PyLinter) -> None:
    """Drop disabled messages before they are built. Without pragmas a message is enabled everywhere or nowhere."""
    enabled: dict[str, bool] = {}
    ask, add = linter.is_message_enabled, linter.add_message

    def is_message_enabled(name: str, line: int | None = None, confidence: Any = None) -> bool:
        if name not in enabled:
            enabled[name] = ask(name)
        return enabled[name]

    def add_message(name: str, *rest: Any, **named: Any) -> None:
        if is_message_enabled(name):
            add(name, *rest, **named)

    linter.is_message_enabled = is_message_enabled
    linter.add_message = add_message


def _nothing(*_: Any, **__: Any) -> None:
    """Stands in for a method that can report nothing."""
