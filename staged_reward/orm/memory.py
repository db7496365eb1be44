"""How many tokens go through a model at once; halved, for good, when memory runs out."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from staged_reward.errors import InfraError

MIN_TOKENS = 16


@dataclass(slots=True)
class Budget:
    """The tokens of one forward pass."""

    tokens: int

    def halve(self, error: Exception) -> None:
        """Make it smaller.

        Raises:
            InfraError: It is small already.
        """
        if self.tokens // 2 < MIN_TOKENS:
            raise InfraError(f"no memory left for a pass of {self.tokens} tokens; free some on this device") from error
        self.tokens //= 2


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether an error of torch is about memory, of a GPU or of the machine."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
