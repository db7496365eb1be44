"""`eval` and `exec` in test code. Trusted side.

Source that stands in the test itself runs here, on handles. Any other may come from the program, and never runs here: it
runs in the program's process, and must not compare anything there.
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Callable, Collection
from typing import Any

from staged_reward.sandbox.session import Session

_VERDICTS = (ast.Compare, ast.Assert, ast.Not, ast.Raise, ast.Match)


def evaluators(
    session: Session, constants: Collection[str], compile_source: Callable[[str, Any], Any]
) -> dict[str, Callable[..., Any]]:
    """Return what stands for `eval` and `exec`.

    Args:
        session: The program's process.
        constants: The strings of the test's source.
        compile_source: Compiles the test's own source; its arguments are the source and the mode.
    """

    def names_of_caller(names: tuple[Any, ...]) -> tuple[Any, ...]:
        frame = sys._getframe(2)
        return names or (frame.f_globals, frame.f_locals)

    def evaluate(source: Any, *names: Any) -> Any:
        if source in constants:
            found = names_of_caller(names)
            return builtins.eval(compile_source(source.strip(), "eval"), *found)
        _check_foreign(source)
        return session.do("eval", source)

    def execute(source: Any, *names: Any) -> None:
        if source in constants:
            found = names_of_caller(names)
            builtins.exec(compile_source(source, "exec"), *found)
            return
        _check_foreign(source)
        given = {key: names[0][key] for key in names[0] if key != "__builtins__"} if names else None
        found = session.do("exec", source, given)
        if names:
            names[0].update(found)

    return {"eval": evaluate, "exec": execute}


def _check_foreign(source: Any) -> None:
    if type(source) is not str:
        raise TypeError("a test can only evaluate source text")
    try:
        tree = ast.parse(source.strip())
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise SyntaxError(f"not Python source: {type(error).__name__}") from None
    if any(isinstance(node, _VERDICTS) for node in ast.walk(tree)):
        raise TypeError("a test cannot let the program evaluate a comparison that the test does not spell out")
