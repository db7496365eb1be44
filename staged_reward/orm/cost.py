"""What scoring took: the floor meter.

The floor is one computation per distinct token prefix. `computed` over `distinct_prefixes` says how far above it a scorer
is in work, or below where earlier calls had computed some; the seconds say how far in time.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class ScoringCost:
    """Sums over the calls of one scorer.

    Attributes:
        programs: Scored, duplicates counted.
        distinct_programs: Distinct texts among those of one call.
        truncated: Distinct texts that were longer than the limit; their ends were kept.
        tokens: Of the distinct texts.
        distinct_prefixes: Tokens that have to be computed, if nothing is known of them.
        computed: Tokens that were computed, padding included.
        reused: Of the distinct prefixes, those that an earlier call had computed.
        padding: Of those, the ones that stood for nothing.
        flops: Of the model, by its own formula: 2 per weight and token, 4 × width per layer, token and token attended to.
        seconds: In the model, formatting and tokenization included.
        cpu_seconds: For the same; in passes on several threads, those of other threads of the process count too.
        possible_flops: What the device could do in that time, by the matrix products of `peak_flops_per_second`.
    """

    programs: int = 0
    distinct_programs: int = 0
    truncated: int = 0
    tokens: int = 0
    distinct_prefixes: int = 0
    computed: int = 0
    reused: int = 0
    padding: int = 0
    flops: float = 0.0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    possible_flops: float = 0.0

    def __add__(self, other: ScoringCost) -> ScoringCost:
        return ScoringCost(**{name: getattr(self, name) + getattr(other, name) for name in self.__slots__})

    def __sub__(self, other: ScoringCost) -> ScoringCost:
        return ScoringCost(**{name: getattr(self, name) - getattr(other, name) for name in self.__slots__})

    @property
    def utilisation(self) -> float:
        """Share of what the device could do that was the model's own arithmetic; NaN where nothing was scored."""
        return self.flops / self.possible_flops if self.possible_flops else math.nan


def weights_of(model: Any) -> int:
    """Return how many weights a token is multiplied with: all but the embeddings of tokens."""
    return sum(int(p.numel()) for p in model.parameters()) - int(model.get_input_embeddings().weight.numel())


def flops_of(config: Any, num_weights: int, num_tokens: int, num_attended: int) -> float:
    """Return the floating-point operations of a forward pass.

    Args:
        config: Of the model's text part.
        num_weights: As `weights_of` counts them.
        num_tokens: That go through it.
        num_attended: Pairs of a token and one that it attends to, itself included.
    """
    head_dim = int(getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads)
    width = head_dim * int(config.num_attention_heads)
    return 2.0 * num_weights * num_tokens + 4.0 * width * int(config.num_hidden_layers) * num_attended


def peak_flops_per_second(device: Any, dtype: Any) -> float:
    """Return how many floating-point operations per second a device does in one large matrix product, measured."""
    import torch

    is_cpu = device.type == "cpu"
    size = 512 if is_cpu else 4096
    square = torch.ones(size, size, device=device, dtype=dtype)
    best = math.inf
    with torch.inference_mode():
        for _ in range(4):  # the first is slow
            start = time.perf_counter()
            product = square @ square
            if not is_cpu:
                product[0, 0].item()  # waits for it
            best = min(best, time.perf_counter() - start)
    return 2.0 * size**3 / best
