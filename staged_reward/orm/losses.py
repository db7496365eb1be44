"""Losses of the outcome reward model, as functions of scores: no model, no data.

Axes: P programs of one batch, G problems. Every loss is the mean over problems, so that two ranks with as many problems each
give the gradient of one with all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import torch
from torch.nn import functional

TOP_PASS_KS = (1, 2, 4, 8)
TOP_PASS_FRACTION = 0.25
TOP_PASS_BCE_WEIGHT = 0.3

LossName = Literal["bradley_terry", "bradley_terry_group", "top_pass"]
GroupLoss = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def bradley_terry_group(scores_P: torch.Tensor, passed_P: torch.Tensor, groups_P: torch.Tensor) -> torch.Tensor:
    """Return the Bradley-Terry loss of every correct × incorrect pair of a problem, each program encoded once.

    Source: equation 3 of Orlanski et al. (arXiv 2506.10056), -log sigmoid(r+ - r-), there for sampled pairs. Taking all
    pairs of a group is ours.

    Args:
        scores_P: Raw logits.
        passed_P: Whether each program is correct.
        groups_P: The problem that each belongs to, as any integer.

    Returns:
        A scalar: the mean over problems of the mean over their pairs; 0 where no problem has both kinds.
    """
    losses = [
        functional.softplus(negative[None, :] - positive[:, None]).mean()
        for positive, negative in _split(scores_P, passed_P, groups_P)
    ]
    return _mean(losses, scores_P)


def top_pass(
    scores_P: torch.Tensor,
    passed_P: torch.Tensor,
    groups_P: torch.Tensor,
    *,
    ks: Sequence[int] = TOP_PASS_KS,
    fraction: float = TOP_PASS_FRACTION,
    bce_weight: float = TOP_PASS_BCE_WEIGHT,
) -> torch.Tensor:
    """Return a loss that falls as a correct program comes before the k-th incorrect one.

    pass@k of a ranking fails exactly if every correct program is behind the k-th incorrect one. So the best-ranked
    correct programs are compared with the k best-ranked incorrect ones, by a squared hinge of margin 1, for several k.

    Source: Top Pass (Lyu et al., arXiv 2408.05715): the objective, subsets of both sides, several k, and a classification
    loss beside it. No code of it is public; ours are the values of k, the fraction of the correct programs (at least
    one), the weight of the classification loss, and its weighting of the classes by their frequency within a problem.

    Args:
        scores_P: As for `bradley_terry_group`, like the two that follow.
        passed_P: …
        groups_P: …
        ks: A k beyond the number of incorrect programs takes all of them.
        fraction: Of the correct programs, the best-ranked.
        bce_weight: Of the binary cross-entropy; 0 leaves it out.
    """
    losses = []
    for positive, negative in _split(scores_P, passed_P, groups_P):
        best = positive.topk(max(1, round(fraction * len(positive)))).values
        hardest = negative.topk(min(max(ks), len(negative))).values
        hinge = functional.relu(1.0 - (best[:, None] - hardest[None, :])).square()
        ranking = torch.stack([hinge[:, :k].mean() for k in ks]).mean()
        classes = 0.5 * (functional.softplus(-positive).mean() + functional.softplus(negative).mean())
        losses.append(ranking + bce_weight * classes)
    return _mean(losses, scores_P)


GROUP_LOSSES: dict[str, GroupLoss] = {"bradley_terry_group": bradley_terry_group, "top_pass": top_pass}
"""Losses of whole groups, by name; `bradley_terry` is that of pairs, which TRL's trainer has."""


def pair_accuracy(scores_P: torch.Tensor, passed_P: torch.Tensor, groups_P: torch.Tensor) -> torch.Tensor:
    """Return how many of the correct × incorrect pairs are in the right order, as a mean over problems; a tie is half."""
    shares = [
        ((positive[:, None] > negative).float() + 0.5 * (positive[:, None] == negative).float()).mean()
        for positive, negative in _split(scores_P, passed_P, groups_P)
    ]
    return _mean(shares, scores_P)


def _split(
    scores_P: torch.Tensor, passed_P: torch.Tensor, groups_P: torch.Tensor
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield the scores of correct and of incorrect programs of each problem that has both."""
    order = torch.argsort(groups_P, stable=True)
    sizes = torch.unique_consecutive(groups_P[order], return_counts=True)[1]
    scores = torch.split(scores_P[order], sizes.tolist())
    passed = torch.split(passed_P.bool()[order], sizes.tolist())
    for own, is_right in zip(scores, passed, strict=True):
        positive, negative = own[is_right], own[~is_right]
        if len(positive) and len(negative):
            yield positive, negative


def _mean(values: list[torch.Tensor], scores_P: torch.Tensor) -> torch.Tensor:
    return torch.stack(values).mean() if values else scores_P.sum() * 0.0
