"""Where did programs stand in the reward model's ranking that a filter removes, and what is wrong with the high ones?

Ranks count from 1, the best, among all candidates of a problem, copies included. Columns as in Table 9 of Orlanski et al.
(arXiv 2506.10056), as far as its text says what they are.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev

import numpy as np

from staged_reward.pareto.accuracy import Case, order
from staged_reward.pareto.interval import Estimate, over_problems
from staged_reward.pareto.patterns import PATTERNS, patterns_of

TOP = 16


@dataclass(frozen=True, slots=True)
class RemovedRanks:
    """Where one filter's removed programs stood. Means are over problems from which it removed some.

    Attributes:
        filter: Its word.
        mean_removed: Programs removed per problem, over all problems.
        mean_rank: Of removed programs.
        best_rank: Of the best-ranked removed program of a problem ("M1" in the paper).
        best_five_rank: Mean rank of a problem's five best-ranked removed programs ("M5").
        removed_frac: Of all programs.
        all_removed_frac: Problems that have nothing left, of all.
        spread: Standard deviation of a problem's removed ranks.
        shares: Of every removed program: the middle of its rank as a share of its problem's candidates, for the picture.
        num_candidates: Of the problem with the fewest.
    """

    filter: str
    mean_removed: float
    mean_rank: float
    best_rank: float
    best_five_rank: float
    removed_frac: float
    all_removed_frac: float
    spread: float
    shares: tuple[float, ...]
    num_candidates: int


@dataclass(frozen=True, slots=True)
class Enrichment:
    """How often a pattern occurs, among distinct programs.

    Attributes:
        pattern: Its name.
        in_pool: Share of all distinct programs.
        in_top: Share of those that the reward model ranked in its top 16.
        in_overrated: Share of those in the top 16 that a filter removed, and how many that are.
        in_correct: Share of the correct ones, and how many that are.
        num_overrated: See above.
        num_correct: See above.
        ratio: Share in overrated programs ÷ share in correct ones; infinite where no correct one has it.
        difference: Of the two shares within a problem, as a mean over problems that have programs of both kinds. Overrated
            programs come from hard problems and correct ones from easy ones, and programs of a problem are alike; so this,
            and not the ratio, says whether the pattern is more frequent.
    """

    pattern: str
    in_pool: float
    in_top: float
    in_overrated: float
    in_correct: float
    num_overrated: int
    num_correct: int
    ratio: float
    difference: Estimate


def removed_ranks(filter_word: str, cases: Sequence[Case], kept: Sequence[Sequence[bool]]) -> RemovedRanks | None:
    """Look where programs stood that a filter removes; None where it removes none.

    Args:
        filter_word: The filter.
        cases: All candidates of each problem with their scores, nothing removed.
        kept: By problem and candidate, what the filter leaves.
    """
    ranks = [_ranks_of(case, [not left for left in flags]) for case, flags in zip(cases, kept, strict=True)]
    some = [found for found in ranks if found]
    if not some:
        return None
    num = sum(len(case.programs) for case in cases)
    return RemovedRanks(
        filter=filter_word,
        mean_removed=fmean(map(len, ranks)),
        mean_rank=fmean(fmean(found) for found in some),
        best_rank=fmean(found[0] for found in some),
        best_five_rank=fmean(fmean(found[:5]) for found in some),
        removed_frac=sum(map(len, ranks)) / num,
        all_removed_frac=fmean(len(found) == len(case.programs) for found, case in zip(ranks, cases, strict=True)),
        spread=fmean(pstdev(found) for found in some),
        shares=tuple((rank - 0.5) / len(c.programs) for found, c in zip(ranks, cases, strict=True) for rank in found),
        num_candidates=min(len(case.programs) for case in cases),
    )


def _ranks_of(case: Case, chosen: Sequence[bool]) -> list[int]:
    """Return the ranks of some candidates, best first."""
    return [rank for rank, index in enumerate(order("orm", case), start=1) if chosen[index]]


def enrichments(cases: Sequence[Case], kept: Sequence[Sequence[bool]]) -> list[Enrichment]:
    """Return how much more often each pattern occurs in overrated programs than in correct ones, most so first."""
    kinds = [_Kinds.of(case, flags) for case, flags in zip(cases, kept, strict=True)]
    rows = [_enrichment(name, kinds) for name in PATTERNS]
    return sorted(rows, key=lambda row: (math.isnan(row.difference.mean), -row.difference.mean))


@dataclass(slots=True)
class _Kinds:
    """The patterns of one problem's distinct programs, by kind of program."""

    pool: list[frozenset[str]]
    top: list[frozenset[str]]
    overrated: list[frozenset[str]]
    correct: list[frozenset[str]]

    @classmethod
    def of(cls, case: Case, flags: Sequence[bool]) -> _Kinds:
        kinds = cls([], [], [], [])
        best_of_key = {case.keys[index]: rank for rank, index in reversed(list(enumerate(order("orm", case), start=1)))}
        for index in _distinct(case):
            found = patterns_of(case.programs[index])
            is_top = best_of_key[case.keys[index]] <= TOP
            kinds.pool.append(found)
            kinds.top += [found] * is_top
            kinds.overrated += [found] * (is_top and not flags[index])
            kinds.correct += [found] * case.passed[index]
        return kinds


def _distinct(case: Case) -> Iterable[int]:
    """Return the first candidate of each distinct program."""
    return {key: index for index, key in reversed(list(enumerate(case.keys)))}.values()


def _enrichment(name: str, kinds: Sequence[_Kinds]) -> Enrichment:
    overrated = [found for kind in kinds for found in kind.overrated]
    correct = [found for kind in kinds for found in kind.correct]
    both = [
        _share(name, kind.overrated) - _share(name, kind.correct) for kind in kinds if kind.overrated and kind.correct
    ]
    share, share_correct = _share(name, overrated), _share(name, correct)
    nothing = Estimate(math.nan, math.nan, math.nan)
    return Enrichment(
        pattern=name,
        in_pool=_share(name, [found for kind in kinds for found in kind.pool]),
        in_top=_share(name, [found for kind in kinds for found in kind.top]),
        in_overrated=share,
        in_correct=share_correct,
        num_overrated=_count(name, overrated),
        num_correct=_count(name, correct),
        ratio=share / share_correct if share_correct else math.inf,
        difference=over_problems(np.array([both])) if both else nothing,
    )


def _count(name: str, programs: Sequence[frozenset[str]]) -> int:
    return sum(name in found for found in programs)


def _share(name: str, programs: Sequence[frozenset[str]]) -> float:
    return _count(name, programs) / len(programs) if programs else 0.0
