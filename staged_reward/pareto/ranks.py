"""Where did programs stand in the reward model's ranking that a filter removes, and what is wrong with the high ones?

Ranks count from 1, the best, among all candidates of a problem, copies included. Columns as in Table 9 of Orlanski et al.
(arXiv 2506.10056), as far as its text says what they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev

from scipy import stats

from staged_reward.pareto.accuracy import Case, order
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
        shares: Of every removed program: its rank as a share of its problem's candidates, for the picture.
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
        ratio: Odds in overrated programs ÷ odds in correct ones; infinite where no correct one has it.
        p_value: Of Fisher's exact test, one-sided: that the overrated have it no more often.
    """

    pattern: str
    in_pool: float
    in_top: float
    in_overrated: float
    in_correct: float
    num_overrated: int
    num_correct: int
    ratio: float
    p_value: float


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
        shares=tuple(rank / len(case.programs) for found, case in zip(ranks, cases, strict=True) for rank in found),
    )


def _ranks_of(case: Case, chosen: Sequence[bool]) -> list[int]:
    """Return the ranks of some candidates, best first."""
    return [rank for rank, index in enumerate(order("orm", case), start=1) if chosen[index]]


def enrichments(cases: Sequence[Case], kept: Sequence[Sequence[bool]]) -> list[Enrichment]:
    """Return how much more often each pattern occurs in overrated programs than in correct ones, most enriched first."""
    pool: list[frozenset[str]] = []
    top: list[frozenset[str]] = []
    overrated: list[frozenset[str]] = []
    correct: list[frozenset[str]] = []
    for case, flags in zip(cases, kept, strict=True):
        best_of_key = {case.keys[index]: rank for rank, index in reversed(list(enumerate(order("orm", case), start=1)))}
        for index in _distinct(case):
            found = patterns_of(case.programs[index])
            is_top = best_of_key[case.keys[index]] <= TOP
            pool.append(found)
            top += [found] * is_top
            overrated += [found] * (is_top and not flags[index])
            correct += [found] * case.passed[index]
    rows = [_enrichment(name, pool, top, overrated, correct) for name in PATTERNS]
    return sorted(rows, key=lambda row: row.p_value)


def _distinct(case: Case) -> Iterable[int]:
    """Return the first candidate of each distinct program."""
    return {key: index for index, key in reversed(list(enumerate(case.keys)))}.values()


def _enrichment(
    name: str,
    pool: Sequence[frozenset[str]],
    top: Sequence[frozenset[str]],
    overrated: Sequence[frozenset[str]],
    correct: Sequence[frozenset[str]],
) -> Enrichment:
    has, has_not = _counts(name, overrated)
    right_has, right_has_not = _counts(name, correct)
    odds = (has * right_has_not) / (has_not * right_has) if has_not * right_has else float("inf") if has else 0.0
    table = [[has, has_not], [right_has, right_has_not]]
    return Enrichment(
        pattern=name,
        in_pool=_share(name, pool),
        in_top=_share(name, top),
        in_overrated=_share(name, overrated),
        in_correct=_share(name, correct),
        num_overrated=has,
        num_correct=right_has,
        ratio=odds,
        p_value=float(stats.fisher_exact(table, alternative="greater").pvalue),
    )


def _counts(name: str, programs: Sequence[frozenset[str]]) -> tuple[int, int]:
    has = sum(name in found for found in programs)
    return has, len(programs) - has


def _share(name: str, programs: Sequence[frozenset[str]]) -> float:
    return _counts(name, programs)[0] / len(programs) if programs else 0.0
