"""A small reward model first, a large one on its best: most of the large one's order for a fraction of its cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from staged_reward.errors import InputError
from staged_reward.orm.cost import ScoringCost
from staged_reward.orm.scorer import OrmScorer

if TYPE_CHECKING:
    from staged_reward.scoring import Scorer


class CascadeScorer:
    """Scores like an ORM.

    The programs of a prompt are scored by the small model; the large one scores the `top` best of them. Those have the large
    model's raw logits. The others come below: the small model's logits, moved so that the best of them is 1 below the
    least of the top. So a score depends on which other programs of the prompt are scored with it, and is to rank by.

    Args:
        small: Path, name or scorer.
        large: Path, name or scorer.
        top: Distinct programs per prompt that the large one sees.

    Raises:
        InputError: `top` is below 1.
    """

    def __init__(self, small: str | Path | Scorer, large: str | Path | Scorer, *, top: int = 16) -> None:
        if top < 1:
            raise InputError(f"CascadeScorer: top={top}; give a number from 1")
        self.small = OrmScorer(small) if isinstance(small, str | Path) else small
        self.large = OrmScorer(large) if isinstance(large, str | Path) else large
        self.top = top

    def score(self, prompts: Sequence[str], programs: Sequence[str]) -> list[float]:
        """Return one score per program, higher is better; equal programs of a prompt have equal scores."""
        pairs = list(zip(prompts, programs, strict=True))
        if not pairs:
            return []
        distinct = list(dict.fromkeys(pairs))
        small = dict(zip(distinct, self._ask(self.small, distinct), strict=True))
        by_prompt: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for pair in distinct:
            by_prompt[pair[0]].append(pair)
        for group in by_prompt.values():
            group.sort(key=lambda pair: (small[pair], pair[1]), reverse=True)
        tops = [pair for group in by_prompt.values() for pair in group[: self.top]]
        large = dict(zip(tops, self._ask(self.large, tops), strict=True))
        scores = dict(large)
        for group in by_prompt.values():
            top, rest = group[: self.top], group[self.top :]
            if rest:
                shift = min(large[pair] for pair in top) - 1.0 - small[rest[0]]
                scores.update((pair, small[pair] + shift) for pair in rest)
        return [scores[pair] for pair in pairs]

    @property
    def cost(self) -> ScoringCost:
        """What the calls so far took of both models, as far as they say."""
        return sum((getattr(scorer, "cost", ScoringCost()) for scorer in (self.small, self.large)), ScoringCost())

    @staticmethod
    def _ask(scorer: Scorer, pairs: Sequence[tuple[str, str]]) -> list[float]:
        return scorer.score([prompt for prompt, _ in pairs], [program for _, program in pairs])
