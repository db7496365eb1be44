"""The exceptions of the package.

    StagedRewardError
    ├── InputError (ValueError)      what the user gave: a file, a row, a setting
    └── InfraError (RuntimeError)    what we caused: a dead worker, a full disk, a broken installation

What a program under test does is never an exception here; it is a `Verdict`.
"""

from __future__ import annotations

from collections.abc import Iterable


class StagedRewardError(Exception):
    """Base of every exception that this package raises on purpose."""


class InputError(StagedRewardError, ValueError):
    """Data or settings that cannot be used. The message names the place, the value and the remedy."""


class InfraError(StagedRewardError, RuntimeError):
    """A fault of the verifier itself, after bounded retries. Never a property of the program under test."""


def nearest(word: str, valid: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the valid word closest to `word`, else the list of valid words."""
    import difflib  # here: the sandbox, whose every fork pays for what is loaded, reads this file too

    choices = sorted(valid)
    close = difflib.get_close_matches(word, choices, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; valid: {', '.join(choices)}"
