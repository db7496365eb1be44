"""Attention in blocks of a trie against its definition: softmax over a node and its ancestors, one node at a time."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from staged_reward.orm import tree_attention
from staged_reward.orm.chunk import Chunk
from staged_reward.orm.trie import TokenTrie

NUM_GROUPS, REPEATS, SIZE = 2, 3, 4
ROWS = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=150), min_size=1, max_size=6)


def attend_alone(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, trie: TokenTrie, node: int
) -> torch.Tensor:
    """Return the output of one node, heads x size, from all keys of the trie."""
    seen = [other for other in range(len(trie)) if other <= node < trie.ends[other]]
    keys, values = key[:, seen].repeat_interleave(REPEATS, 0), value[:, seen].repeat_interleave(REPEATS, 0)
    weights = torch.softmax((keys @ query[:, node, :, None]).squeeze(-1) * 0.5, dim=-1)
    return (weights[..., None] * values).sum(1)


@settings(max_examples=30)
@given(rows=ROWS, start=st.floats(0, 1), length=st.integers(1, 300))
def test_a_chunk_sees_its_path_and_itself(rows: list[list[int]], start: float, length: int) -> None:
    trie = TokenTrie.of(rows)
    first = int(start * (len(trie) - 1))
    chunk = np.arange(first, min(first + length, len(trie)))
    path = np.array([node for node in range(first) if trie.ends[node] > first], dtype=np.int64)
    nodes = np.concatenate([path, chunk])
    torch.manual_seed(0)
    query = torch.randn(NUM_GROUPS * REPEATS, len(trie), SIZE)
    key, value = torch.randn(2, NUM_GROUPS, len(trie), SIZE)
    blocks = tree_attention.TreeBlocks(Chunk(trie, path, chunk, chunk[:0]), torch.float32)
    found = blocks.attend(query[:, chunk], key[:, nodes], value[:, nodes], 0.5)
    expected = torch.stack([attend_alone(query, key, value, trie, node) for node in chunk.tolist()])
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_no_more_keys_than_the_longest_block_sees() -> None:
    trie = TokenTrie.of([[0] * 20 + [i] * 30 for i in range(1, 60)])
    nodes = np.arange(len(trie))
    blocks = tree_attention.TreeBlocks(Chunk(trie, nodes[:0], nodes, nodes[:0]), torch.float32)
    assert blocks.mask.shape[-1] <= 50 + tree_attention.BLOCK_SIZE
    assert blocks.mask.shape[0] * tree_attention.BLOCK_SIZE >= len(trie)
