"""Preference pairs: a correct and an incorrect program of one problem.

Source of the rule: Orlanski et al. (arXiv 2506.10056, appendix A): at most six pairs, twelve programs, per problem.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from staged_reward.orm.groups import Group

MAX_PAIRS = 6


class Pair(NamedTuple):
    """A correct program and one that is not. `origin` is the incorrect one's."""

    task_id: str
    prompt: str
    chosen: str
    rejected: str
    origin: str


def draw_pairs(
    groups: Sequence[Group], seed: int, *, max_pairs: int = MAX_PAIRS, is_reusing: bool = False
) -> Iterator[Pair]:
    """Draw pairs of each problem.

    Args:
        groups: With a correct and an incorrect program each.
        seed: The same groups and seed give the same pairs; a problem's do not depend on the others.
        max_pairs: Per problem.
        is_reusing: A program may be in several pairs, where there are too few of a kind; else each is in one.
    """
    for group in groups:
        generator = random.Random(f"{seed}/{group.task_id}")
        correct, incorrect = group.correct, group.incorrect
        generator.shuffle(correct)
        generator.shuffle(incorrect)
        num_pairs = min(max_pairs, (max if is_reusing else min)(len(correct), len(incorrect)))
        for index in range(num_pairs):
            chosen, rejected = correct[index % len(correct)], incorrect[index % len(incorrect)]
            yield Pair(group.task_id, group.prompt, chosen.program, rejected.program, rejected.origin)
