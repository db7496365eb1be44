"""How many asserts of test source became `CallTest`s. It counts while problems are loaded; it converts nothing.

with counting() as tally:
    load_problems("humaneval")
print(f"{tally.share:.1%} of {tally.converted + tally.kept} asserts")
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from staged_reward.asserts import is_vacuous


@dataclass(slots=True)
class Tally:
    """How many asserts became what.

    Attributes:
        converted: Asserts that became `CallTest`s.
        kept: Asserts that stay asserts; one in a loop counts once, a test statement without any assert counts as one.
        vacuous: Asserts that cannot fail; not part of the share.
    """

    converted: int = 0
    kept: int = 0
    vacuous: int = 0

    @property
    def share(self) -> float:
        """Converted fraction of the asserts that can fail; 0.0 when there are none."""
        return self.converted / max(1, self.converted + self.kept)


_current: ContextVar[Tally | None] = ContextVar("assert_tally", default=None)


@contextmanager
def counting() -> Iterator[Tally]:
    """Count the asserts of every problem that this thread loads inside the `with` block."""
    tally = Tally()
    token = _current.set(tally)
    try:
        yield tally
    finally:
        _current.reset(token)


def count(statements: Sequence[ast.stmt], *, converted: bool) -> None:
    """Add the statements of one test to the tally of the surrounding `counting` block, if there is one."""
    tally = _current.get()
    if tally is None:
        return
    if converted:
        tally.converted += 1
        return
    asserts = [node for statement in statements for node in ast.walk(statement) if isinstance(node, ast.Assert)]
    vacuous = sum(map(is_vacuous, asserts))
    tally.vacuous += vacuous
    tally.kept += len(asserts) - vacuous if asserts else 1
