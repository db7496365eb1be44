"""How good is a ranking? Best-of-n, pass@k, pair accuracy, reciprocal rank.

A ranking is a list of outcomes, best-ranked first. What it does not do: rank (`rankers`), measure time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from staged_reward.errors import InputError


def best_of_n(outcomes: Sequence[bool], n: int) -> float:
    """Return the chance that the top-ranked of n random candidates is correct.

    With N candidates, c_i the correctness of rank i from 1: sum over i of c_i · C(N - i, n - 1) / C(N, n), the sum running
    up to N - n + 1. Source: equation 1 of Orlanski et al. (arXiv 2506.10056).

    Args:
        outcomes: N, best-ranked first.
        n: From 1 to N.

    Raises:
        InputError: n is not.
    """
    total = len(outcomes)
    if not 1 <= n <= total:
        raise InputError(f"best_of_n: n={n} for {total} candidates; give 1 to {total}")
    ways = math.comb(total, n)
    return sum(math.comb(total - rank, n - 1) for rank, passed in enumerate(outcomes, start=1) if passed) / ways


def pass_at_k(outcomes: Sequence[bool], k: int) -> float:
    """Return whether one of the first k is correct, as 0 or 1; of all where there are fewer."""
    return float(any(outcomes[:k]))


def reciprocal_rank(outcomes: Sequence[bool]) -> float:
    """Return 1 / rank of the first correct one; 0 without one."""
    return next((1.0 / rank for rank, passed in enumerate(outcomes, start=1) if passed), 0.0)


def pair_accuracy(correct: Sequence[float], incorrect: Sequence[float]) -> float:
    """Return the share of pairs in which the correct program has the higher score; a tie counts half.

    Raises:
        InputError: There is no pair.
    """
    if not correct or not incorrect:
        raise InputError("pair_accuracy: no pair; give scores of both kinds")
    won = sum((right > wrong) + 0.5 * (right == wrong) for right in correct for wrong in incorrect)
    return won / (len(correct) * len(incorrect))
