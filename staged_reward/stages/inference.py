"""Parts of astroid that are replaced while a program is linted, for speed and so that no program can fill the memory.

They are put in place when this module is imported, and do what astroid does except inside `replaced()`, so other users
of astroid in the process see none of it. All keep astroid's meaning, with three exceptions: values of more than
`_MAX_ITEMS` items, characters or bytes are unknown (astroid infers up to 10^8), third-party modules are (`opaque.py`),
and the exact column of a `def` is not looked for (astroid runs a tokenizer over each).
"""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Callable, Iterator
from typing import Any

from astroid import nodes, protocols, rebuilder, util
from astroid.brain import brain_builtin_inference
from astroid.context import InferenceContext
from astroid.exceptions import InferenceError
from astroid.manager import AstroidManager
from astroid.nodes import node_ng
from astroid.nodes.node_classes import BaseContainer
from astroid.transforms import TransformVisitor
from pylint.checkers.variables import NamesConsumer

from staged_reward.stages import opaque, transforms

_MAX_ITEMS = 10_000
_MAX_UNPACKED = 20  # sequences unpacked in one display, such as [*a, *b]
_MAX_F_STRINGS = 1_000  # inferred in one program; astroid infers those made of f-strings again and again
_LARGE_FIELD = re.compile(r"%(\([^)]*\))?[-#0 +]*(\d{0,4}\.)?(\*|\d{5})")

_manager = AstroidManager()  # all of its instances are alike, and making one takes a while
_multiply = protocols._multiply_seq_by_int
_items = BaseContainer._infer_sequence_helper
_infer_joined = nodes.JoinedStr._infer
_next_to_consume = NamesConsumer.get_next_to_consume
_formatter = brain_builtin_inference._get_bounded_formatter


@contextlib.contextmanager
def replaced() -> Iterator[None]:
    """Use the replacements, for the time of one program. Not reentrant."""
    global _is_active, _num_f_strings
    _is_active, _num_f_strings = True, 0
    for module, name, _ in _LIMITS:
        setattr(module, name, _MAX_ITEMS)
    try:
        yield
    finally:
        _is_active = False
        for module, name, limit in _LIMITS:
            setattr(module, name, limit)


_is_active = False
_num_f_strings = 0


def _repeat_sequence(sequence: Any, operation: Any, factor: int, context: InferenceContext) -> Any:
    is_large = len(sequence.elts) * factor > _MAX_ITEMS
    return util.Uninferable if is_large else _multiply(sequence, operation, factor, context)


def _infer_binary(self: Any, opnode: Any, operator: str, other: Any, context: InferenceContext, method: Any) -> Any:
    if operator == "+" and len(self.elts) + len(getattr(other, "elts", ())) > _MAX_ITEMS:
        return iter((util.Uninferable,))
    return protocols.tl_infer_binary_op(self, opnode, operator, other, context, method)


def _infer_items(container: BaseContainer, context: InferenceContext | None = None) -> list[Any]:
    if sum(isinstance(item, nodes.Starred) for item in container.elts) > _MAX_UNPACKED:
        raise InferenceError(node=container, context=context)
    items: list[Any] = _items(container, context)
    if len(items) > _MAX_ITEMS:
        raise InferenceError(node=container, context=context)
    return items


def _infer_f_string(node: nodes.JoinedStr, context: InferenceContext | None = None) -> Iterator[Any]:
    global _num_f_strings
    _num_f_strings += 1
    if _num_f_strings > _MAX_F_STRINGS:
        yield util.Uninferable
        return
    for value in _infer_joined(node, context):
        yield util.Uninferable if isinstance(value, nodes.Const) and _size(value.value) > _MAX_ITEMS else value


def _bounded_formatter() -> Any:
    formatter = _formatter()

    class Formatter(type(formatter)):  # type: ignore[misc]
        def format(self, *values: Any, **named: Any) -> str:
            text: str = super().format(*values, **named)
            if len(text) > _MAX_ITEMS:
                raise ValueError("the text is too long to be inferred")
            return text

    return Formatter()


def _size(value: Any) -> int:
    """Characters of a string, bytes of an integer."""
    if isinstance(value, int):
        return value.bit_length() // 8
    return len(value) if isinstance(value, str | bytes) else 0


def _size_of_result(operator: str, left: Any, right: Any) -> int:
    """At least the size of what an operator returns, when that is large."""
    if operator == "*" and isinstance(left, int) and isinstance(right, str | bytes):
        return left * len(right)
    if operator == "*" and isinstance(left, str | bytes) and isinstance(right, int):
        return len(left) * right
    if operator == "**" and isinstance(left, int) and isinstance(right, int):
        return (_size(left) + 1) * right if abs(left) > 1 else 0
    if operator == "<<" and isinstance(right, int):
        return _size(left) + right // 8
    return _size(left) + _size(right)


def _is_large_format(template: str | bytes, values: Any) -> bool:
    """Stands in for astroid's own check of `template % values`, which lets 10^8 characters pass."""
    text = template if isinstance(template, str) else template.decode("latin-1")
    parts = values if isinstance(values, tuple) else values.values() if isinstance(values, dict) else (values,)
    longest = max((_size(part) for part in parts), default=0)
    return bool(_LARGE_FIELD.search(text)) or len(text) + text.count("%") * longest > _MAX_ITEMS


def _bounded(operator: str, apply: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def apply_to_small(left: Any, right: Any) -> Any:
        if _is_active and _size_of_result(operator, left, right) > _MAX_ITEMS:
            raise OverflowError("the value is too large to be inferred")
        return apply(left, right)

    return apply_to_small


_GROWING = ("*", "**", "<<", "+")


def _get_next_to_consume(consumer: NamesConsumer, node: nodes.Name) -> Any:
    """The same, told at once for a name that the scope does not define."""
    return _next_to_consume(consumer, node) if node.name in consumer.to_consume else None


def _while_active(original: Callable[..., Any], replacement: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def part(*values: Any, **named: Any) -> Any:
        return replacement(*values, **named) if _is_active else original(*values, **named)

    return part


_LIMITS = [
    (module, name, getattr(module, name))
    for module, name in (
        (util, "MAX_FORMATTED_SIZE"),
        (brain_builtin_inference, "_MAX_FORMAT_FIELD_SIZE"),
        (brain_builtin_inference, "_MAX_INFERABLE_STR_LEN"),
    )
]
for _owner, _name, _replacement in (
    (nodes.Module, "import_module", opaque.import_module),
    (nodes.Import, "_infer", opaque.infer_import),
    (TransformVisitor, "visit", transforms.visit),
    (rebuilder.TreeRebuilder, "_get_position_info", lambda *_: None),
    (node_ng, "AstroidManager", lambda: _manager),
    (NamesConsumer, "get_next_to_consume", _get_next_to_consume),
    (protocols, "_multiply_seq_by_int", _repeat_sequence),
    (protocols, "_old_style_format_too_large", _is_large_format),
    (nodes.List, "infer_binary_op", _infer_binary),
    (nodes.Tuple, "infer_binary_op", _infer_binary),
    (BaseContainer, "_infer_sequence_helper", _infer_items),
    (nodes.JoinedStr, "_infer", _infer_f_string),
    (brain_builtin_inference, "_get_bounded_formatter", _bounded_formatter),
):
    setattr(_owner, _name, _while_active(getattr(_owner, _name), _replacement))
for _name, _apply in protocols.BIN_OP_IMPL.items():
    if _name.rstrip("=") in _GROWING:
        protocols.BIN_OP_IMPL[_name] = _bounded(_name.rstrip("="), _apply)
