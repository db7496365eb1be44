"""Is the equality of a class of the program worth anything? Trusted side.

`assert Vector(1, 2) + Vector(3, 4) == Vector(4, 6)` leaves the comparison to the program, whose class may find everything
equal. What it cannot know is which object the test expected: so once the tests are through, each object that it said
to be equal to one that the test had made is compared with others of that class, made with other arguments. A class that
finds all of them equal, too, has compared nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from staged_reward.sandbox.handles import Handle

if TYPE_CHECKING:
    from staged_reward.sandbox.session import Session

MAX_PROBED = 20  # equalities
_STEPS = (1, 7, -1)


class Prober:
    """Remembers how the test made objects and what was said to equal them."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._made: dict[int, tuple[Handle, tuple[Any, ...], dict[str, Any]]] = {}  # by number of the instance
        self._equal: dict[tuple[int, int], tuple[Handle, Handle]] = {}

    def note_made(self, instance: Any, kind: Handle, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Remember that the test made an instance of a class."""
        if isinstance(instance, Handle) and len(self._made) < 1000:
            self._made[instance.__reference__().number] = kind, args, kwargs

    def note_equal(self, one: Handle, other: Handle) -> None:
        """Remember that the program said two objects to be equal."""
        if one is other or len(self._equal) >= MAX_PROBED:
            return
        for left, right in ((one, other), (other, one)):
            if right.__reference__().number in self._made:
                self._equal[left.__reference__().number, right.__reference__().number] = left, right
                return

    def complaint(self) -> str:
        """Return what is wrong with an equality on which the tests relied; empty when nothing is."""
        for one, other in self._equal.values():
            kind, args, kwargs = self._made[other.__reference__().number]
            answers = [
                answer for step in _STEPS if (answer := self._compare(one, kind, args, kwargs, step)) is not None
            ]
            if answers and all(answers):
                return "the program's class finds unequal objects equal"
        return ""

    def _compare(
        self, one: Handle, kind: Handle, args: tuple[Any, ...], kwargs: dict[str, Any], step: int
    ) -> bool | None:
        """Compare with an object that other arguments make; None where that cannot be made or compared."""
        others, named = [_changed(arg, step) for arg in args], {key: _changed(arg, step) for key, arg in kwargs.items()}
        if (others, named) == (list(args), kwargs):
            return None
        try:
            return bool(self._session.do("eq", one, self._session.do("call", kind, *others, **named)))
        except Exception:  # noqa: BLE001  the class refuses these arguments, or this comparison
            return None


def _changed(value: Any, step: int) -> Any:
    """Return plain data of the same kind that is not equal; anything else as it is."""
    match value:
        case bool():
            return not value
        case int() | float():
            return value + step
        case str():
            return value + chr(ord("a") + step % 26)
        case list() | tuple() if value:
            return type(value)(_changed(item, step) for item in value)
        case list():
            return [step]
        case dict():
            return {key: _changed(item, step) for key, item in value.items()}
    return value
