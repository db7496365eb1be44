"""Programs from a JSONL(.gz) file, one object per line.

    {"name": "...", "category": "...", "kind": "call|assert|stdio", "must": "fail|not_harm|pass", "why": "...",
     "problem": {"entry_point": "f", "prompt": "...", "tests": [...]}, "program": "..."}

Tests are `{"args", "expected"}` for `call`, `{"stdin", "stdout"}` for `stdio`, Python source for `assert`. Optional:
`program_b64` in the place of `program` (bytes that are not UTF-8 become lone surrogates), `harm` (null, an object with
`type` and settings, or a list of them), `pair` (an object with kind, problem and program), `tolerance` (not used: floats
are compared as in the native schema).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from staged_reward.attack.harms import check_settings
from staged_reward.attack.trial import CATEGORIES, HONEST, KINDS, Harm, Must, Pair, Trial
from staged_reward.datasets.native import to_problem
from staged_reward.errors import InputError, nearest
from staged_reward.fields import optional, reject_unknown, required
from staged_reward.problem import Problem
from staged_reward.rows import read_rows

KEYS = frozenset({
    "name", "category", "kind", "problem", "program", "program_b64", "must", "why", "harm", "pair", "tolerance",
})  # fmt: skip
PAIR_KEYS = frozenset({"kind", "problem", "program", "must"})


def load_trials(path: str | Path) -> list[Trial]:
    """Read a file.

    Raises:
        InputError: The file cannot be read, or a row lacks something or says something unknown; it names the line.
    """
    trials: list[Trial] = []
    for row in read_rows(path):
        try:
            trials.append(to_trial(row.data))
        except InputError as error:
            raise row.error(error) from error
    return trials


def to_trial(row: Mapping[str, Any]) -> Trial:
    """Convert a row."""
    reject_unknown(row, KEYS)
    name = required(row, "name", str)
    kind = _word(row, "kind", KINDS)
    pair = optional(row, "pair", dict)
    return Trial(
        name=name,
        category=_word(row, "category", (*CATEGORIES, HONEST)),
        kind=kind,
        problem=_problem(row, kind, name),
        program=_program(row),
        must=Must(_word(row, "must", [must.value for must in Must])),
        why=optional(row, "why", str) or "",
        harms=_harms(row.get("harm")),
        pair=None if pair is None else _pair(pair, name),
    )


def _pair(row: Mapping[str, Any], name: str) -> Pair:
    reject_unknown(row, PAIR_KEYS, "pair.")
    kind = _word(row, "kind", KINDS)
    return Pair(_problem(row, kind, f"{name}/pair"), required(row, "program", str, "pair."))


def _problem(row: Mapping[str, Any], kind: str, name: str) -> Problem:
    problem = required(row, "problem", dict)
    tests = [_test(test, kind) for test in required(problem, "tests", list, "problem.")]
    native = {"task_id": name, "entry_point": problem.get("entry_point") or None, "tests": tests}
    return to_problem({**native, "prompt": problem.get("prompt") or ""})


def _test(test: Any, kind: str) -> dict[str, Any]:
    if kind == "assert":
        return {"type": "assert", "code": test}
    if not isinstance(test, dict):
        raise InputError(f"a test of kind {kind!r} is {test!r}; give an object")
    return {"type": kind, **test}


def _program(row: Mapping[str, Any]) -> str:
    encoded = optional(row, "program_b64", str)
    if encoded is None:
        return required(row, "program", str)
    try:
        return base64.b64decode(encoded, validate=True).decode("utf-8", "surrogateescape")
    except binascii.Error as error:
        raise InputError(f"key 'program_b64' is not base64: {error}; correct it") from error


def _harms(value: Any) -> tuple[Harm, ...]:
    rows = value if isinstance(value, list) else [] if value is None else [value]
    return tuple(_harm(row) for row in rows)


def _harm(row: Any) -> Harm:
    if not isinstance(row, dict):
        raise InputError(f"key 'harm' holds {row!r}; give an object with a type")
    harm = Harm(required(row, "type", str, "harm."), {key: value for key, value in row.items() if key != "type"})
    check_settings(harm)
    return harm


def _word(row: Mapping[str, Any], key: str, valid: Sequence[str]) -> str:
    word = required(row, key, str)
    if word not in valid:
        raise InputError(f"key {key!r} is {word!r}{nearest(word, valid)}")
    return word
