"""One persistent pylint, errors and fatals only, for many short programs in memory.

`pylint.lint.Run` spends nearly all its time on setting up, on a regular expression over comments, on the exact place
of every `def`, and on checks whose messages are disabled. Here all is built once, and a program without comments goes
straight to the checks (`checks.py`). Third-party modules are never parsed (`opaque.py`).

What one program leaves behind is taken back before the next: its module, what was inferred, and attributes that it
set on classes of the standard library. Modules of the standard library stay cached, up to `_MAX_CACHED_MIB` of them.

Importing this module imports pylint (half a second); `lint.py` does so only when asked. Some functions of astroid are
replaced while a program is linted and put back afterwards, so other users of astroid in the process see none of it.
Not safe for use by several threads at once: astroid's caches are global.
"""

from __future__ import annotations

import functools
from typing import Any

from astroid import bases, nodes, protocols, rebuilder, util
from astroid.brain import brain_builtin_inference
from astroid.builder import AstroidBuilder
from astroid.context import _invalidate_cache as clear_inference_cache
from astroid.exceptions import AstroidError, AstroidSyntaxError, InferenceError
from astroid.inference_tip import clear_inference_tip_cache
from astroid.manager import AstroidManager
from pylint.checkers.clear_lru_cache import clear_lru_caches

from staged_reward.stages import opaque
from staged_reward.stages.checks import Checks, Finding
from staged_reward.stages.syntax import FILENAME, silence_warnings

_MAX_CACHED_MODULES = 120

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

_Journal = list[tuple[dict[str, Any], str, Any]]

_REPLACED = (
    (nodes.Module, "import_module", opaque.import_module),
    (nodes.Import, "_infer", opaque.infer_import),
    (rebuilder.TreeRebuilder, "_get_position_info", lambda *_: None),  # tokenizes every definition, for columns
)


class PylintSession:
    """Lints programs one after the other; as strict as `pylint --errors-only` on a file of its own.

    After a fault the session must not be used again.
    """

    def __init__(self) -> None:
        self._checks = Checks()

    def messages(self, source: str) -> list[Finding]:
        """Errors and fatals of one program, by place.

        Args:
            source: A program without comments.

        Raises:
            FAULTS: The linter tripped. This says nothing about the program.
        """
        journal: _Journal = []
        originals = [(owner, name, owner.__dict__[name]) for owner, name, _ in _REPLACED]
        try:
            for owner, name, replacement in _REPLACED:
                setattr(owner, name, replacement)
            return self._check(source, journal)
        except AstroidSyntaxError as fault:
            return [_syntax_finding(fault.error)]
        finally:
            for owner, name, original in originals:
                setattr(owner, name, original)
            _forget(journal)

    def _check(self, source: str, journal: _Journal) -> list[Finding]:
        module = _build(source, journal)
        unknown = opaque.hide(module) if "import" in source else opaque.NOTHING_UNKNOWN
        findings = self._checks.run(module, source)
        return [finding for finding in findings if not unknown.excuses(finding.line, finding.number)]


def _build(source: str, journal: _Journal) -> nodes.Module:
    silence_warnings(FILENAME)
    builder = AstroidBuilder(AstroidManager())
    builder.delayed_assattr = functools.partial(_assign_attribute, builder.delayed_assattr, journal)
    return builder.string_build(source, FILENAME)


def _assign_attribute(assign: Any, journal: _Journal, node: nodes.AssignAttr) -> None:
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


def _forget(journal: _Journal) -> None:
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


def _syntax_finding(error: Any) -> Finding:
    return Finding(
        getattr(error, "lineno", 0) or 0, getattr(error, "offset", 0) or 0, "E0001", "syntax-error", str(error)
    )
