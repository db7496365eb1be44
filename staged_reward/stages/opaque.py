"""Third-party modules, as the linter sees them: they exist or they do not, and nothing is known of what is in them.

A package that is not part of the standard library is never parsed. If it (and the submodule) is installed, anything
may be imported from it, and whatever comes from it is unknown to inference: attributes, calls, instances, base
classes, decorated functions. If it is not installed, importing it is an error. Finding a module runs none of its code.

A decorator, a metaclass or a base class from such a module may change what methods look like, so messages on how a method is
written are dropped there. After `from module import *` any name may exist: only import errors count.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder
from typing import Any, NamedTuple

from astroid import nodes
from astroid.context import InferenceContext
from astroid.exceptions import AstroidBuildingError, AstroidImportError
from astroid.manager import AstroidManager
from astroid.util import Uninferable

from staged_reward.stages import modules

_MAX_KNOWN = 4_000  # answers to "is there such a module" that are kept
_NOT_THIRD_PARTY = sys.stdlib_module_names | {"__main__"}

_import_module = nodes.Module.import_module
_infer_import = nodes.Import._infer


class OpaqueModule(nodes.Module):  # type: ignore[misc]
    """A module of which only the name is known."""

    def getattr(self, name: str, context: InferenceContext | None = None, ignore_locals: bool = False) -> list[Any]:
        """Whatever is asked for is there, and unknown."""
        return [nodes.Unknown(parent=self, lineno=0, col_offset=0, end_lineno=0, end_col_offset=0)]


class Scope(NamedTuple):
    """Where a program depends on what is unknown.

    `star`: a star import, so any name may exist. `lines`: of definitions that something unknown decorates or contains.
    """

    star: bool
    lines: frozenset[int]

    def excuses(self, line: int, number: str) -> bool:
        """True for a message that may be wrong because of something unknown."""
        if self.star and number != "E0001" and not number.startswith("E04"):
            return True
        return line in self.lines and (number == "E0102" or number.startswith("E02"))


NOTHING_UNKNOWN = Scope(False, frozenset())


def import_module(
    module: nodes.Module, modname: str, relative_only: bool = False, level: int | None = None, use_cache: bool = True
) -> nodes.Module:
    """Stands in for `nodes.Module.import_module`."""
    if not level and not relative_only and _is_third_party(modname):
        return OpaqueModule(modname) if is_opaque(modname) else _imitation(modname)
    found: nodes.Module = _import_module(module, modname, relative_only, level, use_cache)
    modules.touched.add(found.name)
    return found


def infer_import(node: nodes.Import, context: InferenceContext | None = None) -> Iterator[Any]:
    """Stands in for `nodes.Import._infer`: what is unknown about a module includes what it does when called."""
    for value in _infer_import(node, context):
        yield Uninferable if isinstance(value, OpaqueModule) else value


def is_opaque(modname: str) -> bool:
    """True for an installed module that is not part of the standard library."""
    return _is_third_party(modname) and _exists(modname)


def _is_third_party(modname: str) -> bool:
    return bool(modname) and modname.partition(".")[0] not in _NOT_THIRD_PARTY


@functools.lru_cache(_MAX_KNOWN)
def _exists(modname: str) -> bool:
    """Whether a module can be found: on the path, package by package; a package that is not there, where astroid looks.

    Other finders are asked for nothing below a package on the path: some of them act on being asked.
    """
    package, *below = modname.split(".")
    spec = PathFinder.find_spec(package)
    if spec is None:
        return _is_elsewhere(modname)
    for part in below:
        package = f"{package}.{part}"
        spec = PathFinder.find_spec(package, spec.submodule_search_locations or ())
        if spec is None:
            return False
    return True


def _is_elsewhere(modname: str) -> bool:
    try:
        AstroidManager().file_from_module_name(modname, None)
    except AstroidBuildingError:
        return False
    return True


def _imitation(modname: str) -> nodes.Module:
    """What astroid has in place of a module that is not there (`six.moves`)."""
    for hook in AstroidManager()._failed_import_hooks:
        with contextlib.suppress(AstroidBuildingError):
            imitation: nodes.Module = hook(modname)
            return imitation
    raise AstroidImportError("Failed to import module {modname}.", modname=modname)


def hide(program: nodes.Module) -> Scope:
    """Make what unknown decorators return unknown, and tell where the program depends on something unknown."""
    unknown, star = _imported_names(program)
    if not unknown and not star:
        return NOTHING_UNKNOWN
    lines: set[int] = set()
    for node in program.nodes_of_class((nodes.ClassDef, nodes.FunctionDef)):
        if node.decorators and any(_root_name(entry) in unknown for entry in node.decorators.nodes):
            node._explicit_inference = _infer_nothing
            lines.add(node.fromlineno)
        if isinstance(node, nodes.ClassDef) and node._metaclass and _root_name(node._metaclass) in unknown:
            node._explicit_inference = _infer_nothing
        if isinstance(node, nodes.ClassDef) and any(_root_name(base) in unknown for base in _bases(node)):
            unknown.add(node.name)
            lines.update(child.fromlineno for child in node.body if isinstance(child, nodes.FunctionDef))
    return Scope(star, frozenset(lines))


def _imported_names(program: nodes.Module) -> tuple[set[str], bool]:
    names: set[str] = set()
    star = False
    for node in program.nodes_of_class((nodes.Import, nodes.ImportFrom)):
        if isinstance(node, nodes.Import):
            names.update(alias or name.partition(".")[0] for name, alias in node.names if is_opaque(name))
        elif not node.level and is_opaque(node.modname):
            names.update(alias or name for name, alias in node.names)
            star = star or any(name == "*" for name, _ in node.names)
    return names, star


def _bases(node: nodes.ClassDef) -> list[nodes.NodeNG]:
    metaclass = [node._metaclass] if node._metaclass else []
    return [*node.bases, *metaclass, *(keyword.value for keyword in node.keywords)]


def _root_name(node: nodes.NodeNG) -> str | None:
    """`a` for `a`, `a.b`, `a.b(c)`, `a[b]`."""
    while isinstance(node, nodes.Attribute | nodes.Call | nodes.Subscript):
        node = (
            node.func
            if isinstance(node, nodes.Call)
            else node.expr if isinstance(node, nodes.Attribute) else node.value
        )
    return node.name if isinstance(node, nodes.Name) else None


def _infer_nothing(node: nodes.NodeNG, context: InferenceContext | None = None) -> Iterator[Any]:
    yield Uninferable
