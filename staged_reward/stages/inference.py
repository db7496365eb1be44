"""Parts of astroid that are replaced while a program is linted, for speed and so that no program can fill the memory.

`replaced()` puts them in place and takes them out again, so other users of astroid in the process see none of it. All
keep astroid's meaning, with two exceptions: values of more than `_MAX_ITEMS` items or characters are unknown (astroid
infers up to 10^8), and the exact column of a `def` is not looked for (astroid runs a tokenizer over each).
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

from astroid import nodes, protocols, rebuilder, util
from astroid.brain import brain_builtin_inference
from astroid.manager import AstroidManager
from astroid.nodes import node_ng
from astroid.transforms import TransformVisitor
from pylint.checkers.variables import NamesConsumer

from staged_reward.stages import opaque

_MAX_ITEMS = 10_000
_THIRD_PARTY_BRAINS = ("numpy", "attrs", "boto3", "gi", "hypothesis", "mechanize", "nose", "pytest", "qt", "scipy", "six")

_Transform = tuple[Callable[[Any], Any], Callable[[Any], bool] | None]

_manager = AstroidManager()
_multiply_sequence = protocols._multiply_seq_by_int
_next_to_consume = NamesConsumer.get_next_to_consume


@contextlib.contextmanager
def replaced() -> Iterator[None]:
    """Replace the parts for the time of the block. Not reentrant."""
    for owner, name, _, replacement in _PARTS:
        setattr(owner, name, replacement)
    protocols.BIN_OP_IMPL.update(_BOUNDED)
    try:
        yield
    finally:
        for owner, name, original, _ in _PARTS:
            setattr(owner, name, original)
        protocols.BIN_OP_IMPL.update(_UNBOUNDED)


def _multiply_at_most(sequence: Any, operation: Any, factor: int, context: Any) -> Any:
    if len(sequence.elts) * factor > _MAX_ITEMS:
        return util.Uninferable
    return _multiply_sequence(sequence, operation, factor, context)


def _size(value: Any) -> int:
    """Characters, or bytes of an integer."""
    if isinstance(value, int):
        return value.bit_length() // 8
    return len(value) if isinstance(value, str | bytes) else 0


def _bounded(operator: str, function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def apply(left: Any, right: Any) -> Any:
        factor = right if isinstance(right, int) else left if isinstance(left, int) else 0
        repeated = operator == "*" and isinstance(left if factor is right else right, str | bytes)
        if repeated or operator in ("**", "<<"):
            size = (_size(left) + (operator == "<<")) * factor if factor is right else _size(right) * factor
        else:
            size = _size(left) + _size(right)
        if size > _MAX_ITEMS:
            raise OverflowError("the value is too large to be inferred")
        return function(left, right)

    return apply


_OPERATORS = [operator for operator in protocols.BIN_OP_IMPL if operator.rstrip("=") in ("*", "**", "<<", "+", "%")]
_UNBOUNDED = {operator: protocols.BIN_OP_IMPL[operator] for operator in _OPERATORS}
_BOUNDED = {operator: _bounded(operator.rstrip("="), function) for operator, function in _UNBOUNDED.items()}


def _get_next_to_consume(consumer: NamesConsumer, node: nodes.Name) -> list[nodes.NodeNG] | None:
    """The same, told at once for a name that the scope does not define."""
    return _next_to_consume(consumer, node) if node.name in consumer.to_consume else None


def _visit(visitor: TransformVisitor, node: nodes.NodeNG) -> nodes.NodeNG:
    """Stands in for `TransformVisitor.visit`: asks only those transforms that can apply to a node."""
    calls, others = _sorted_transforms(_Held(visitor.transforms))
    return _transformed(node, calls, others)


class _Held:
    """Makes a cache key of a dict: the dict itself, whatever is in it."""

    def __init__(self, held: Any) -> None:
        self.held = held

    def __hash__(self) -> int:
        return id(self.held)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held) and other.held is self.held
