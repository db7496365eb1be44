"""The programs of this package: files under `programs/CATEGORY/` and `honest/`, and those that `generated` makes."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path

from staged_reward.attack.generated import generated_trials
from staged_reward.attack.header import parse_trial, split_header
from staged_reward.attack.tasks import problem_of
from staged_reward.attack.trial import CATEGORIES, HONEST, Pair, Trial
from staged_reward.errors import InputError

FOLDER = Path(__file__).resolve().parent
PROBE = {"call": "probe_call", "assert": "probe_call", "stdio": "probe_stdio"}


def attacks() -> list[Trial]:
    """Return the attack programs, category by category."""
    trials = [trial for category in CATEGORIES for trial in _read_folder(FOLDER / "programs" / category, category)]
    trials += generated_trials()
    return sorted(trials, key=lambda trial: CATEGORIES.index(trial.category))


def honest_programs() -> list[Trial]:
    """Return programs that must pass: they do what honest programs do, and some graders fail them."""
    return _read_folder(FOLDER / "honest", HONEST)


def _read_folder(folder: Path, category: str) -> list[Trial]:
    return [read_trial(path, category) for path in sorted(folder.glob("*.py"))]


def read_trial(path: Path, category: str) -> Trial:
    """Read one program's file.

    Raises:
        InputError: Its header cannot be used; the message names the file.
    """
    try:
        return parse_trial(path.stem, category, path.read_text(encoding="utf-8"))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def usual_pair(kind: str, *, like: str = "") -> Pair:
    """Return the honest program that runs after an attack of this kind: it looks for what an attack may have left.

    Args:
        kind: Of the attack's tests.
        like: The attack. Where it imports numpy, so does the pair: both then come from the same process.
    """
    pair = _probe(PROBE[kind])
    return replace(pair, program=f"import numpy\n{pair.program}") if "import numpy" in like else pair


@functools.cache
def _probe(name: str) -> Pair:
    header = split_header((FOLDER / "honest" / f"{name}.py").read_text(encoding="utf-8"))
    kind = header.one("kind")
    return Pair(problem_of("sum" if kind == "stdio" else "add", kind), header.program)
