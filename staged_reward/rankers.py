"""Orders the candidates of one problem, best first: by chance, majority, tests passed, a reward model's score, or two.

Every order is deterministic, and fair among equals: what ties is ordered by a digest of seed, problem and program, so
neither the order in which candidates came nor their text favours one.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from staged_reward.errors import InputError, nearest
from staged_reward.normalise import identity


@dataclass(frozen=True, slots=True)
class Ranked:
    """What a ranker may look at.

    Attributes:
        program: Source.
        tests_passed: Of those that were run.
        score: The reward model's; None where it gave none.
        copies: How many candidates are this program, itself included, where that is known; None counts them.
    """

    program: str
    tests_passed: int = 0
    score: float | None = None
    copies: int | None = None


Key = Callable[[Sequence[Ranked]], list[Any]]
"""Candidates → what they are ordered by, higher first."""


def _by_chance(candidates: Sequence[Ranked]) -> list[Any]:
    return [0] * len(candidates)


def _by_majority(candidates: Sequence[Ranked]) -> list[Any]:
    """How many candidates are the same program, formatting aside."""
    known = [candidate.copies for candidate in candidates]
    if None not in known:
        return known
    identities = [identity(candidate.program) for candidate in candidates]
    counts = Counter(identities)
    return [counts[key] for key in identities]


def _by_tests(candidates: Sequence[Ranked]) -> list[Any]:
    return [candidate.tests_passed for candidate in candidates]


def _by_score(candidates: Sequence[Ranked]) -> list[Any]:
    """The score; a candidate without one, which a filter removed, comes last."""
    return [(candidate.score is not None, candidate.score or 0.0) for candidate in candidates]


def _by_majority_then_score(candidates: Sequence[Ranked]) -> list[Any]:
    return list(zip(_by_majority(candidates), _by_score(candidates), strict=True))


RANKERS: Mapping[str, Key] = {
    "random": _by_chance,
    "majority": _by_majority,
    "tests": _by_tests,
    "orm": _by_score,
    "majority_then_orm": _by_majority_then_score,
}


NEED_ORM = ("orm", "majority_then_orm")


def check_ranker(name: str, *, has_orm: bool = True) -> None:
    """Refuse a ranker that is unknown, or that needs scores where there are none.

    Raises:
        InputError: So it is.
    """
    if name not in RANKERS:
        raise InputError(f"ranker {name!r} is unknown{nearest(name, RANKERS)}")
    if name in NEED_ORM and not has_orm:
        raise InputError(f"ranker {name!r} needs a reward model; give one, such as orm='default'")


def rank(name: str, task_id: str, candidates: Sequence[Ranked], seed: int = 0) -> list[int]:
    """Return the indices of the candidates, best first.

    Args:
        name: Of `RANKERS`.
        task_id: Of the problem.
        candidates: In any order; copies are candidates of their own.
        seed: Decides among equals.

    Raises:
        InputError: The ranker is unknown.
    """
    check_ranker(name)
    keys = RANKERS[name](candidates)
    lots = _lots(task_id, candidates, seed)
    return sorted(range(len(candidates)), key=lambda i: (keys[i], lots[i]), reverse=True)


def _lots(task_id: str, candidates: Sequence[Ranked], seed: int) -> list[bytes]:
    """Return a lot for each candidate; copies are told apart by how many came before."""
    seen: Counter[str] = Counter()
    lots = []
    for candidate in candidates:
        text = f"{seed}\0{task_id}\0{seen[candidate.program]}\0{candidate.program}"
        seen[candidate.program] += 1
        lots.append(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest())
    return lots
