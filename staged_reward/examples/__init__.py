"""Example problems and candidates, as package data: 24 problems of all three kinds, 16 candidates each.

It holds paths only. `candidates.jsonl` is made by `build.py`; its keys `note` (how the candidate was made) and `label`
(whether it passes every test) are extra keys that a verifier carries through and does not read.
"""

from importlib.resources import files
from pathlib import Path

_FOLDER = Path(str(files(__name__)))

PROBLEMS = _FOLDER / "problems.jsonl"
"""Problems in the native schema, each with its canonical solution."""

CANDIDATES = _FOLDER / "candidates.jsonl"
"""Rows `{"task_id", "solution" or "completion", "note", "label"}`, the candidates of a problem one after another."""

__all__ = ["CANDIDATES", "PROBLEMS"]
