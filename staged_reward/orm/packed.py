"""Runs a causal model over a token trie: every distinct prefix is computed once, and nothing is padding.

The nodes go through the model in depth-first order, a chunk at a time. What a chunk needs of earlier nodes are the
ancestors of its first node, one path; so the key-value cache holds one path, never more, and memory is known beforehand:
a chunk and a path as long as the longest text. A text's score is the head's output at its last node.

Nodes that texts of earlier calls began with need not be computed where a `PrefixCache` has them: they join the path of the
first chunk that needs them.

What it does: chunks, masks, positions, cache. What it does not do: decide which models can be run so (`can_pack`
asks them), tokenize, load.

Axes: T nodes of one chunk, P nodes of the path, K = P + T.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn.attention.flex_attention import create_block_mask
from transformers import DynamicCache

from staged_reward.orm import leaf_layer, tree_attention
from staged_reward.orm.memory import Budget, is_out_of_memory
from staged_reward.orm.prefix_cache import Stems
from staged_reward.orm.trie import Array, TokenTrie


def leaf_logits(model: Any, trie: TokenTrie, budget: Budget, stems: Stems | None = None) -> tuple[list[float], Array]:
    """Return the head's output at each leaf, and the nodes that were computed.

    Args:
        model: A sequence-classification model with one label, in inference mode, for which `can_pack` holds.
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
                logits = _run_chunk(model, trie, path, chunk, cache, wanted)
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


def _run_chunk(
    model: Any, trie: TokenTrie, path: Array, chunk: Array, cache: DynamicCache, wanted: Array
) -> list[float]:
    device = model.device
    leaves_L = torch.from_numpy(wanted).to(device)
    attention = _attention(model, trie, path, chunk)
    is_for_leaves = leaf_layer.is_installed(model)
    if is_for_leaves:
        attention |= {"leaves": leaves_L, "leaf_mask": _dense_mask(*_seen(model, trie, path, chunk, chunk[wanted]))}
    output = getattr(model, model.base_model_prefix)(
        input_ids=torch.from_numpy(trie.tokens[chunk])[None].to(device),
        position_ids=torch.from_numpy(trie.depths[chunk])[None].to(device),
        past_key_values=cache,
        use_cache=True,
        **attention,
    )
    hidden_LD = output.last_hidden_state[0] if is_for_leaves else output.last_hidden_state[0, leaves_L]
    logits: list[float] = model.score(hidden_LD)[:, 0].float().tolist()
    return logits


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


def _attention(model: Any, trie: TokenTrie, path: Array, chunk: Array) -> dict[str, Any]:
    """Return what says which nodes a node sees, in the form that the model's attention takes."""
    nodes = np.concatenate([path, chunk])
    if model.config._attn_implementation == tree_attention.NAME:
        blocks = tree_attention.TreeBlocks(nodes, trie.ends[nodes], len(path), model.dtype)
        return {"attention_mask": blocks.mask, "tree_blocks": blocks}
    make = _block_mask if model.config._attn_implementation == "flex_attention" else _dense_mask
    return {"attention_mask": make(*_seen(model, trie, path, chunk, chunk))}


def _seen(model: Any, trie: TokenTrie, path: Array, chunk: Array, asking: Array) -> tuple[Any, Any, Any, torch.dtype]:
    """Return what says which nodes of path and chunk the asking ones see: these, those, their ends, the mask's type."""
    nodes = np.concatenate([path, chunk])
    queries, keys, ends = (torch.from_numpy(array).to(model.device) for array in (asking, nodes, trie.ends[nodes]))
    return queries, keys, ends, model.dtype


def _dense_mask(queries_T: torch.Tensor, keys_K: torch.Tensor, ends_K: torch.Tensor, dtype: torch.dtype) -> Any:
    """Return what is added to the attention logits, 1 x 1 x T x K: 0 for a node and its ancestors, else -inf."""
    queries_T1 = queries_T[:, None]
    sees_TK = (keys_K <= queries_T1) & (queries_T1 < ends_K)
    return torch.zeros(sees_TK.shape, dtype=dtype, device=keys_K.device).masked_fill_(~sees_TK, -torch.inf)[None, None]


def _block_mask(queries_T: torch.Tensor, keys_K: torch.Tensor, ends_K: torch.Tensor, dtype: torch.dtype) -> Any:
    """Return the same for FlexAttention, which skips the blocks that nothing sees."""

    def sees(batch: Any, head: Any, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        node = queries_T[query]
        return (keys_K[key] <= node) & (node < ends_K[key])

    return create_block_mask(sees, None, None, len(queries_T), len(keys_K), device=str(keys_K.device))


def can_pack(model: Any) -> bool:
    """Whether every layer of a model attends to all earlier tokens, and its head is one linear map of the last one."""
    config = model.config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    slides = getattr(config, "sliding_window", None) is not None and getattr(config, "use_sliding_window", True)
    return (
        kinds == {"full_attention"}
        and not slides
        and isinstance(getattr(model, "score", None), torch.nn.Module)
        and config._attn_implementation in ("sdpa", "eager", "flex_attention", tree_attention.NAME)
    )
