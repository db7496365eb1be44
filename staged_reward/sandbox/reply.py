"""Replies of a program's process, checked for shape before anything looks into them. Trusted side; no verdicts here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import UnionType
from typing import Any, NamedTuple

from staged_reward.sandbox import codec
from staged_reward.sandbox.codec import MalformedError
from staged_reward.sandbox.guest import LOAD_RAISED, RAISED, UNPARSED
from staged_reward.sandbox.host import GuestProcess

# kind of reply → types of the items that follow it
Shapes = Mapping[int, tuple[type | UnionType, ...]]

MAX_LIGHT_BYTES = 1 << 14

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

    def __init__(self, names: list[str], message: str, is_parsed: bool) -> None:
        super().__init__(names, message, is_parsed)
        self.names, self.message, self.is_parsed = names, message, is_parsed


# What looks like a range: a few bytes that stand for any number of items.
_RANGE = re.compile(rb"[\xd4-\xd8]\x05|\xc7.\x05|\xc8..\x05|\xc9....\x05", re.DOTALL)


class Reply(NamedTuple):
    """A reply of one of the shapes asked for."""

    kind: int
    items: list[Any]
    message: bytes

    def is_light(self) -> bool:
        """Whether nothing that one pass, or one in another, does with what it holds takes long."""
        return len(self.message) <= MAX_LIGHT_BYTES and _RANGE.search(self.message) is None


def receive_reply(guest: GuestProcess, shapes: Shapes) -> tuple[int, list[Any]]:
    """Return the kind of the next reply and what follows it.

    Raises:
        GuestGoneError: The process has ended.
        LoadError: The reply says that the program could not be loaded.
        MalformedError: The reply has none of the shapes.
        TooLargeError: It stands for more data than is taken.
    """
    return receive_whole_reply(guest, shapes)[:2]


def receive_whole_reply(guest: GuestProcess, shapes: Shapes) -> Reply:
    """Do the same, and keep the message itself."""
    message = guest.receive()
    if message is None:
        raise GuestGoneError
    kind, items = _checked(codec.decode(message, bounded=True), {**shapes, **_ERROR_SHAPES})
    if kind in _ERROR_SHAPES:
        names, message = items
        raise LoadError(names, message, kind == LOAD_RAISED)
    return Reply(kind, items, message)


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
