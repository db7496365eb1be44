"""Replies of a program's process, checked for shape before anything looks into them. Trusted side; no verdicts here."""

from __future__ import annotations

from collections.abc import Mapping
from types import UnionType
from typing import Any

from staged_reward.sandbox import codec
from staged_reward.sandbox.codec import MalformedError
from staged_reward.sandbox.guest import LOAD_RAISED, RAISED, UNPARSED
from staged_reward.sandbox.host import GuestProcess

# kind of reply → types of the items that follow it
Shapes = Mapping[int, tuple[type | UnionType, ...]]

_ERROR_SHAPES: Shapes = {LOAD_RAISED: (list, str), UNPARSED: (list, str)}


class GuestGoneError(BaseException):
    """The program's process ended while a test was using it. Not an `Exception`: tests must not catch it."""


class LoadError(BaseException):
    """The program could not be loaded.

    Attributes:
        names: The exception's classes, most derived first.
        message: Its message.
        is_parsed: The source compiled; running it raised.
    """

    def __init__(self, names: list[str], message: str, *, is_parsed: bool) -> None:
        super().__init__(message)
        self.names, self.message, self.is_parsed = names, message, is_parsed


def receive_reply(guest: GuestProcess, shapes: Shapes) -> tuple[int, list[Any]]:
    """Return the kind of the next reply and what follows it.

    Raises:
        GuestGoneError: The process has ended.
        LoadError: The reply says that the program could not be loaded.
        MalformedError: The reply has none of the shapes.
    """
    message = guest.receive()
    if message is None:
        raise GuestGoneError
    kind, items = _checked(codec.decode(message), {**shapes, **_ERROR_SHAPES})
    if kind in _ERROR_SHAPES:
        raise LoadError(*items, is_parsed=kind == LOAD_RAISED)
    return kind, items


def _checked(reply: Any, shapes: Shapes) -> tuple[int, list[Any]]:
    if type(reply) is not list or not reply or type(reply[0]) is not int or reply[0] not in shapes:
        raise MalformedError("a reply of another kind")
    kind, *items = reply
    shape = shapes[kind]
    if len(items) != len(shape) or not all(map(isinstance, items, shape)):
        raise MalformedError("a reply of another shape")
    if kind in (RAISED, LOAD_RAISED, UNPARSED) and not (items[0] and all(isinstance(name, str) for name in items[0])):
        raise MalformedError("an exception without a class")
    return kind, items
