"""How good is a ranking? Best-of-n, pass@k, reciprocal rank, discounted gain, pair accuracy.

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


def unbiased_pass_at_k(num_candidates: int, num_correct: int, k: int) -> float:
    """Return the chance that one of k candidates, drawn at random, is correct: 1 - C(N - c, k) / C(N, k).

    Source: Chen et al. (arXiv 2107.03374).

    Args:
        num_candidates: N.
        num_correct: c, of these.
        k: From 1 to N.

    Raises:
        InputError: k or c is not possible.
    """
    if not (1 <= k <= num_candidates and 0 <= num_correct <= num_candidates):
        raise InputError(
            f"unbiased_pass_at_k: k={k}, {num_correct} correct of {num_candidates} candidates; give 1 <= k <= candidates"
        )
    return 1.0 - math.comb(num_candidates - num_correct, k) / math.comb(num_candidates, k)


def discounted_gain(outcomes: Sequence[bool]) -> float:
    """Return the normalised discounted cumulative gain of the whole ranking; 0 without a correct one.

    Each correct program counts 1 / log2(rank + 1); the best order of the same outcomes gives 1.
    Source: Järvelin and Kekäläinen (2002).
    """
    gains = [1.0 / math.log2(rank + 1) for rank in range(1, len(outcomes) + 1)]
    best = math.fsum(gains[: sum(outcomes)])
    found = math.fsum(gain for gain, passed in zip(gains, outcomes, strict=True) if passed)
    return found / best if best else 0.0


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
