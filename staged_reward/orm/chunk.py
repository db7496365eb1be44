"""What goes through a model at once: nodes of a trie, and the path of nodes before them that they see.

Axes: T nodes of the chunk, P nodes of the path, K = P + T, L nodes of the chunk whose output is read.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from staged_reward.orm.trie import Array, TokenTrie


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some nodes, and where they are.

    Attributes:
        trie: Theirs.
        path: P nodes that are computed already, in the order in which the cache has them.
        nodes: T nodes, ascending.
        wanted: L places among the nodes, of those whose output is read.
    """

    trie: TokenTrie
    path: Array
    nodes: Array
    wanted: Array

    @property
    def seen(self) -> Array:
        """K nodes: path and chunk, as their keys lie in the cache."""
        return np.concatenate([self.path, self.nodes])

    def inputs(self, device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return tokens (T), positions (T) and the wanted places (L)."""
        arrays = self.trie.tokens[self.nodes], self.trie.depths[self.nodes], self.wanted
        tokens, positions, wanted = (torch.from_numpy(array).to(device) for array in arrays)
        return tokens, positions, wanted

    def mask(self, asking: Array, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
        """Return what is added to the attention logits of some nodes, A x K: 0 for a node and its ancestors, else -inf."""
        keys = self.seen
        queries_A1, keys_K, ends_K = (
            torch.from_numpy(a).to(device) for a in (asking[:, None], keys, self.trie.ends[keys])
        )
        sees_AK = (keys_K <= queries_A1) & (queries_A1 < ends_K)
        return torch.zeros(sees_AK.shape, dtype=dtype, device=device).masked_fill_(~sees_AK, -torch.inf)
