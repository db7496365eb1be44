"""Runs a causal model over a token trie: every distinct prefix is computed once, and nothing is padding.

The nodes go through the model in depth-first order, a chunk at a time. What a chunk needs of earlier nodes are the
ancestors of its first node, one path; so the key-value cache holds one path, never more, and memory is known beforehand:
a chunk and a path as long as the longest text. A text's score is the head's output at its last node.

Nodes that texts of earlier calls began with need not be computed where a `PrefixCache` has them: they join the path of the
first chunk that needs them.

What it does: chunks and the cache. What it does not do: run a chunk (`fused_decoder`, `transformers_decoder`), decide which
models can be run so, tokenize, load.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch
from transformers import DynamicCache

from staged_reward.orm.chunk import Chunk
from staged_reward.orm.memory import Budget, is_out_of_memory
from staged_reward.orm.prefix_cache import Stems
from staged_reward.orm.trie import Array, TokenTrie


class Decoder(Protocol):
    """Runs the backbone of a model over a chunk.

    Attributes:
        model: A sequence-classification model with one label, in inference mode.
    """

    model: Any

    def last_hidden(self, chunk: Chunk, cache: DynamicCache) -> torch.Tensor:
        """Return what the head reads of the wanted nodes, one row each; keys and values of all nodes join the cache."""
        ...


def leaf_logits(
    decoder: Decoder, trie: TokenTrie, budget: Budget, stems: Stems | None = None
) -> tuple[list[float], Array]:
    """Return the head's output at each leaf, and the nodes that were computed.

    Args:
        decoder: Of the model.
        trie: What to compute.
        budget: Of a chunk; made smaller where memory runs out.
        stems: Of the trie: what earlier calls have computed, and what later ones may want.

    Returns:
        R floats, in the order of the rows that the trie was made of, and the nodes.

    Raises:
        InfraError: Memory runs out even for a few tokens.
    """
    todo = np.arange(len(trie)) if stems is None else np.setdiff1d(np.arange(len(trie)), stems.known_K)
    leaves = np.unique(trie.leaves)
    logit_of: dict[int, float] = {}
    cache, path = DynamicCache(), np.zeros(0, dtype=np.int64)
    start = 0
    with torch.inference_mode():
        while start < len(todo):
            chunk = todo[start : start + budget.tokens]
            if stems is not None:
                path = np.concatenate([path, stems.load(cache, chunk)])
            wanted = np.flatnonzero(np.isin(chunk, leaves, assume_unique=True))
            try:
                hidden = decoder.last_hidden(Chunk(trie, path, chunk, wanted), cache)
                logits = decoder.model.score(hidden)[:, 0].float().tolist()
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                if len(path):
                    _crop(cache, len(path))
                else:
                    cache = DynamicCache()
                budget.halve(error)
                continue
            logit_of.update(zip(chunk[wanted].tolist(), logits, strict=True))
            path = np.concatenate([path, chunk])
            if stems is not None:
                stems.keep(cache, path)
            start += len(chunk)
            path = _advance(cache, trie, path, int(todo[start]) if start < len(todo) else len(trie))
    return [logit_of[leaf] for leaf in trie.leaves.tolist()], todo


def _advance(cache: DynamicCache, trie: TokenTrie, keys: Array, following: int) -> Array:
    """Keep of the cache the ancestors of the node that comes next; return them."""
    is_kept = trie.ends[keys] > following
    for layer in cache.layers:
        kept = torch.from_numpy(np.flatnonzero(is_kept)).to(layer.keys.device)
        layer.keys = layer.keys.index_select(-2, kept)
        layer.values = layer.values.index_select(-2, kept)
    return keys[is_kept]


def _crop(cache: DynamicCache, length: int) -> None:
    """Drop what the layers before the one that failed have added."""
    for layer in cache.layers:
        if layer.is_initialized:
            layer.keys = layer.keys[..., :length, :].clone()
            layer.values = layer.values[..., :length, :].clone()
