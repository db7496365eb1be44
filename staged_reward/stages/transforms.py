"""astroid's plug-ins ("brains") applied to a program: the same transforms, asked only where they can apply.

Those for third-party packages are left out: such packages are opaque (`opaque.py`). Of those for calls, most are for
one builtin each and are looked up by its name.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

from astroid import nodes
from astroid.brain import brain_builtin_inference
from astroid.context import _invalidate_cache as clear_inference_cache
from astroid.transforms import TransformVisitor

_THIRD_PARTY = ("numpy", "attrs", "boto3", "gi", "hypothesis", "mechanize", "nose", "pytest", "qt", "scipy", "six")

_Entry = tuple[Callable[[Any], Any], Callable[[Any], bool] | None]


class _Plan(NamedTuple):
    source: dict[type, list[_Entry]]
    by_kind: dict[type, list[_Entry]]
    by_builtin: dict[str, list[_Entry]]


def visit(visitor: TransformVisitor, node: nodes.NodeNG) -> nodes.NodeNG:
    """Stands in for `TransformVisitor.visit`."""
    global _plan
    if _plan is None or _plan.source is not visitor.transforms:
        _plan = _make_plan(visitor.transforms)
    return _visit(node, _plan)


_plan: _Plan | None = None


def _make_plan(source: dict[type, list[_Entry]]) -> _Plan:
    by_kind = {kind: [entry for entry in entries if not _is_third_party(entry)] for kind, entries in source.items()}
    calls = by_kind.get(nodes.Call, [])
    builtins = {name for entry in calls if (name := _builtin(entry))}
    by_builtin = {name: [entry for entry in calls if _builtin(entry) in ("", name)] for name in builtins}
    by_kind[nodes.Call] = [entry for entry in calls if not _builtin(entry)]
    return _Plan(source, by_kind, by_builtin)


def _is_third_party(entry: _Entry) -> bool:
    functions = (getattr(function, "func", function) for function in entry if function is not None)
    modules = (function.__module__.rpartition(".brain_")[2] for function in functions)
    return any(module.split("_")[0] in _THIRD_PARTY for module in modules)


def _builtin(entry: _Entry) -> str:
    """The name of the builtin function that a transform is for; "" for other transforms."""
    predicate = entry[1]
    if isinstance(predicate, functools.partial) and predicate.func is brain_builtin_inference._builtin_filter_predicate:
        return str(predicate.keywords["builtin_name"])
    return ""


def _visit(node: nodes.NodeNG, plan: _Plan) -> nodes.NodeNG:
    for child in node.get_children():
        try:
            replacement = _visit(child, plan)
        except RecursionError:
            continue  # as astroid does: the part is left as it is
        if replacement is not child:
            _replace(node, child, replacement)
    return _transform(node, plan)


def _replace(parent: nodes.NodeNG, child: nodes.NodeNG, replacement: nodes.NodeNG) -> None:
    for name in parent._astroid_fields:
        setattr(parent, name, _exchanged(getattr(parent, name), child, replacement))


def _exchanged(value: Any, child: nodes.NodeNG, replacement: nodes.NodeNG) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(_exchanged(item, child, replacement) for item in value)
    return replacement if value is child else value


def _transform(node: nodes.NodeNG, plan: _Plan) -> nodes.NodeNG:
    kind = type(node)
    entries = plan.by_kind.get(kind)
    if kind is nodes.Call:
        name = node.func.name if isinstance(node.func, nodes.Name) else "dict.fromkeys"
        entries = plan.by_builtin.get(name, entries) if name != "dict.fromkeys" or _is_from_keys(node) else entries
    for transform, predicate in entries or ():
        if predicate is None or predicate(node):
            replacement = transform(node)
            if replacement is not None:
                clear_inference_cache()
                node = replacement
            if type(replacement) is not kind:
                break
    return node


def _is_from_keys(node: nodes.Call) -> bool:
    return getattr(node.func, "attrname", "") == "fromkeys"
