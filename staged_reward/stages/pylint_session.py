"""One persistent pylint, errors and fatals only, for many short programs in memory.

`pylint.lint.Run` spends nearly all its time on setting up, on a regular expression over comments, and on checks whose
messages are disabled. Here all is built once, and a program without comments goes straight to the checks (`checks.py`).
Third-party modules are never parsed (`opaque.py`), and values are inferred up to a size (`inference.py`).

What one program leaves behind is taken back before the next: its module, what was inferred, and attributes that it
set on classes of the standard library. Modules of the standard library stay cached up to a size (`modules.py`);
`_MAX_IMPORTS` bounds what one program can add.

Importing this module imports pylint (half a second); `lint.py` does so only when asked. Not safe for use by several
threads at once: astroid's caches are global, and some of its functions are replaced while a program is linted.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import sys
from collections.abc import Iterator
from typing import Any

from astroid import nodes
from astroid.builder import AstroidBuilder
from astroid.context import _invalidate_cache as clear_inference_cache
from astroid.exceptions import AstroidError, AstroidSyntaxError, InferenceError
from astroid.inference_tip import clear_inference_tip_cache
from astroid.manager import AstroidManager
from astroid.nodes._base_nodes import LookupMixIn
from pylint.checkers.clear_lru_cache import clear_lru_caches

from staged_reward.stages import opaque
from staged_reward.stages.checks import Checks, Finding
from staged_reward.stages.inference import replaced
from staged_reward.stages.modules import CachedModules
from staged_reward.stages.syntax import FILENAME, silence_warnings

_MAX_IMPORTS = 25
_YOUNG_OBJECTS = 50_000

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
    Warning,
)


class TooManyImports(RuntimeError):
    """The program names more modules of the standard library than are worth parsing."""


_Journal = list[tuple[dict[str, Any], str, Any]]


class PylintSession:
    """Lints programs one after the other; as strict as `pylint --errors-only` on a file of its own.

    After an exception the session must not be used again.
    """

    def __init__(self) -> None:
        self._checks = Checks()
        self._modules = CachedModules()

    def messages(self, source: str) -> list[Finding]:
        """Errors and fatals of one program, by place.

        Args:
            source: A program without comments.

        Raises:
            FAULTS: The linter tripped. This says nothing about the program.
        """
        journal: _Journal = []
        try:
            with replaced(), _garbage_collected_rarely():
                return self._check(source, journal)
        except AstroidSyntaxError as fault:
            if isinstance(fault.error, MemoryError | RecursionError):
                raise fault.error from fault
            return [_syntax_finding(fault.error)]
        finally:
            _forget(journal)
            self._modules.trim()

    def _check(self, source: str, journal: _Journal) -> list[Finding]:
        module = _build(source, journal)
        unknown = opaque.NOTHING_UNKNOWN
        if "import" in source:
            _check_imports(module)
            unknown = opaque.hide(module)
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
    for key, found in list(manager._mod_file_cache.items()):
        if isinstance(found, AstroidError):  # its traceback holds the program
            del manager._mod_file_cache[key]
    LookupMixIn.lookup.cache_clear()
    clear_inference_cache()
    clear_inference_tip_cache()
    clear_lru_caches()


def _check_imports(module: nodes.Module) -> None:
    names: set[str] = set()
    for node in module.nodes_of_class((nodes.Import, nodes.ImportFrom)):
        names.update([node.modname] if isinstance(node, nodes.ImportFrom) else (name for name, _ in node.names))
    if sum(name.partition(".")[0] in sys.stdlib_module_names for name in names) > _MAX_IMPORTS:
        raise TooManyImports


@contextlib.contextmanager
def _garbage_collected_rarely() -> Iterator[None]:
    """A program's tree is garbage soon enough; looking for it while it grows takes a tenth of the time."""
    young, *older = gc.get_threshold()
    gc.set_threshold(max(young, _YOUNG_OBJECTS) if young else 0, *older)
    try:
        yield
    finally:
        gc.set_threshold(young, *older)


def _syntax_finding(error: Any) -> Finding:
    return Finding(
        getattr(error, "lineno", 0) or 0, getattr(error, "offset", 0) or 0, "E0001", "syntax-error", str(error)
    )
