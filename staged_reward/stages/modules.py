"""The modules of the standard library that astroid has parsed: kept for the programs to come, up to a size.

When they come from more than `_MAX_CHARS` of source, those that few programs used are dropped, down to `_KEPT_CHARS`.
Single modules can stay alive through references from others, so every now and then all are dropped.
"""

from __future__ import annotations

import gc
import os
from collections import Counter
from typing import Any

from astroid import nodes
from astroid.interpreter.objectmodel import ObjectModel
from astroid.manager import AstroidManager
from astroid.nodes._base_nodes import LookupMixIn

_MAX_CHARS = 2_200_000  # about 40 bytes of memory for each
_KEPT_CHARS = 1_200_000
_CHARS_IF_COMPILED = 20_000  # a module without source is read from the interpreter
_TRIMS_PER_CLEAR = 6

touched: set[str] = set()  # modules that the program at hand has led to


class CachedModules:
    """Counts what is in astroid's cache, and for how many programs."""

    def __init__(self) -> None:
        self._num_chars: dict[str, int] = {}
        self._num_programs: Counter[str] = Counter()
        self._num_trims = 0

    def trim(self) -> None:
        """Drop modules when there are too many. To be called between programs."""
        self._num_programs.update(touched)
        touched.clear()
        cache = AstroidManager().astroid_cache
        if len(cache) == len(self._num_chars):
            return
        self._num_chars = {name: self._num_chars.get(name) or _count_chars(module) for name, module in cache.items()}
        if sum(self._num_chars.values()) <= _MAX_CHARS:
            return
        self._num_trims += 1
        if self._num_trims % _TRIMS_PER_CLEAR:
            self._drop_rare(cache)
        else:
            AstroidManager().clear_cache()
        gc.collect()
        self._num_chars = {name: size for name, size in self._num_chars.items() if name in cache}
        self._num_programs = Counter({name: count // 2 for name, count in self._num_programs.items() if name in cache})

    def _drop_rare(self, cache: dict[str, nodes.Module]) -> None:
        kept = {"", "builtins"}
        num_chars = 0
        for name in sorted(cache, key=lambda name: -self._num_programs[name]):
            num_chars += self._num_chars[name]
            if num_chars <= _KEPT_CHARS:
                kept.add(name)
        dropped = {id(cache.pop(name)) for name in list(cache) if name not in kept}
        for module in cache.values():
            _forget_attributes_from(module, dropped)
        for function in (LookupMixIn.lookup, nodes.ClassDef._metaclass_lookup_attribute, ObjectModel.attributes):
            function.cache_clear()


def _forget_attributes_from(module: nodes.Module, dropped: set[int]) -> None:
    """Take back `x.name = ...` that a dropped module did to this one, and to its classes and functions."""
    for node in module.nodes_of_class((nodes.Module, nodes.ClassDef, nodes.FunctionDef)):
        for table in (node.locals, getattr(node, "instance_attrs", {})):
            for name, values in list(table.items()):
                _replace_values(table, name, [value for value in values if id(value.root()) not in dropped])


def _replace_values(table: dict[str, Any], name: str, values: list[Any]) -> None:
    if not values:
        del table[name]
    elif len(values) < len(table[name]):
        table[name] = values


def _count_chars(module: nodes.Module) -> int:
    if not module.file or not module.file.endswith(".py"):
        return _CHARS_IF_COMPILED
    try:
        return os.path.getsize(module.file)
    except OSError:
        return _CHARS_IF_COMPILED
