"""Programs compiled before they are sent, by a process that has compiled many. Trusted side; nothing is run here.

In a process fresh from a fork the compiler costs ten times what it costs here: every page that it touches is copied first.
What is too long, or nests too deeply, to be compiled in a trusted process goes as source, and its own process says why.
"""

from __future__ import annotations

import marshal

from staged_reward.stages.syntax import compile_here, needs_child


def compiled(program: str) -> bytes | str:
    """Return marshalled code for a guest, or the source itself.

    Raises:
        SyntaxError: It does not compile.
    """
    source = program.removeprefix("\ufeff")
    if needs_child(source):
        return program
    try:
        return marshal.dumps(compile_here(source))
    except (ValueError, RecursionError, MemoryError):
        return program
