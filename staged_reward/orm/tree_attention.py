"""Attention over a packed trie on a CPU: blocks of nodes, each against the keys that it sees and no others.

A chunk of the trie goes through a model's linear layers as one matrix, the larger the better. Its attention does not: of
the keys of a chunk a node sees its ancestors alone, and a dense mask computes all the rest too. In depth-first order the
nodes of a short block share nearly all that they see: the ancestors of the first, and the block itself.

Registered with transformers as the attention `tree`. A pass without blocks is given to `sdpa`.

Axes: T nodes of a chunk, P keys of its path, B blocks of S nodes, K keys of a block (as many as the block with most),
H heads, G heads of keys, R = H / G, D size of a head.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from staged_reward.orm.chunk import Chunk
from staged_reward.orm.trie import Array

NAME = "tree"
BLOCK_SIZE = 64  # of 32, 64, 128 the fastest for a model of 9 heads of 64 on two cores
MAX_SINGLE_BLOCK = 128  # nodes of a chunk that are one block, as large as they are


class TreeBlocks:
    """Which keys the blocks of one chunk see.

    Args:
        chunk: Nodes and their path.
        dtype: Of the model.
    """

    def __init__(self, chunk: Chunk, dtype: torch.dtype) -> None:
        nodes, num_path = chunk.seen, len(chunk.path)
        ends = chunk.trie.ends[nodes]
        size = len(chunk.nodes) if len(chunk.nodes) <= MAX_SINGLE_BLOCK else BLOCK_SIZE
        starts = range(num_path, len(nodes), size)
        seen = [
            np.concatenate([_seen_by(nodes, ends, start, size), np.arange(start, start + size)]) for start in starts
        ]
        width = max(map(len, seen))
        keys_BK = np.full((len(seen), width), -1)
        for row, places in zip(keys_BK, seen, strict=True):
            row[: len(places)] = places
        queries_BS1 = (np.arange(len(seen) * size) + num_path).reshape(len(seen), size, 1)
        is_key_B1K = ((keys_BK >= 0) & (keys_BK < len(nodes)))[:, None]
        is_query_BS1 = queries_BS1 < len(nodes)
        keys_BK = np.where(is_key_B1K[:, 0], keys_BK, 0)
        asking_BS1 = nodes[np.where(is_query_BS1, queries_BS1, 0)]
        sees_BSK = (nodes[keys_BK][:, None] <= asking_BS1) & (asking_BS1 < ends[keys_BK][:, None]) & is_key_B1K
        bias_BSK = torch.zeros(sees_BSK.shape, dtype=dtype)
        # The last block is filled up with queries that nobody reads: they see everything, for want of a NaN.
        self._bias_BSK = bias_BSK.masked_fill_(torch.from_numpy(~sees_BSK & is_query_BS1), -torch.inf)
        self._keys_BK = torch.from_numpy(keys_BK)
        self._bias_by_heads: dict[tuple[int, int], torch.Tensor] = {}

    @property
    def mask(self) -> torch.Tensor:
        """B x 1 x S x K: what transformers takes for a mask that is made already."""
        return self._bias_BSK[:, None]

    def attend(self, query_HTD: torch.Tensor, key_GKD: torch.Tensor, value_GKD: torch.Tensor, scale: float) -> Any:
        """Return the attention's output, T x H x D; keys and values are those of path and chunk."""
        num_heads, num_nodes, size = query_HTD.shape
        num_groups = len(key_GKD)
        repeats = num_heads // num_groups
        num_blocks, block_size, width = self._bias_BSK.shape
        missing = num_blocks * block_size - num_nodes
        filled = torch.nn.functional.pad(query_HTD, (0, 0, 0, missing)) if missing else query_HTD
        queries = filled.view(num_groups, repeats, num_blocks, block_size, size).transpose(1, 2)
        queries = queries.reshape(num_groups * num_blocks, repeats * block_size, size)
        places = self._keys_BK.flatten()
        keys = key_GKD.index_select(1, places).view(num_groups * num_blocks, width, size)
        values = value_GKD.index_select(1, places).view(num_groups * num_blocks, width, size)
        logits = torch.baddbmm(self._bias_for(num_groups, repeats), queries, keys.transpose(1, 2), alpha=scale)
        output = torch.bmm(torch.softmax(logits, dim=-1), values)
        output = output.view(num_groups, num_blocks, repeats, block_size, size).permute(1, 3, 0, 2, 4)
        return output.reshape(num_blocks * block_size, num_heads, size)[:num_nodes]

    def _bias_for(self, num_groups: int, repeats: int) -> torch.Tensor:
        """Return the mask as one matrix for each group and block; the same for all layers."""
        if (num_groups, repeats) not in self._bias_by_heads:
            num_blocks, _, width = self._bias_BSK.shape
            bias = self._bias_BSK[None, :, None].expand(num_groups, -1, repeats, -1, -1)
            self._bias_by_heads[num_groups, repeats] = bias.reshape(num_groups * num_blocks, -1, width)
        return self._bias_by_heads[num_groups, repeats]


def _seen_by(nodes: Array, ends: Array, start: int, size: int) -> Array:
    """Return which keys before a block some query of it sees: ancestors of its first, or of a later one."""
    last = nodes[min(start + size, len(nodes)) - 1]
    return np.flatnonzero((ends[:start] > nodes[start]) & (nodes[:start] < last))


def _forward(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    tree_blocks: TreeBlocks | None = None,
    **settings: Any,
) -> tuple[torch.Tensor, None]:
    """What transformers calls, for one sequence of nodes (1 x H x T x D)."""
    if tree_blocks is None:
        output, _ = sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **settings)
        return output, None
    for name in ("softcap", "s_aux", "position_bias"):
        if settings.get(name) is not None:
            raise NotImplementedError(f"attention `{NAME}` knows no {name}")
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    return tree_blocks.attend(query[0], key[0], value[0], scale)[None], None


AttentionInterface.register(NAME, _forward)
AttentionMaskInterface.register(NAME, sdpa_mask)
