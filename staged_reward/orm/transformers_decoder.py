"""Runs any causal model of transformers over a chunk of a trie, by the model's own code and a mask.

Its attention decides what form the mask has: `tree` (`tree_attention`, the fastest on a CPU), `flex_attention` (on a GPU),
or a dense one for `sdpa` and `eager`.

Axes: as in `chunk`; D width.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.attention.flex_attention import create_block_mask
from transformers import DynamicCache

from staged_reward.orm import tree_attention
from staged_reward.orm.chunk import Chunk


class TransformersDecoder:
    """A model as it is.

    Args:
        model: A sequence-classification model, for which `can_pack` holds.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self._backbone = getattr(model, model.base_model_prefix)

    def last_hidden(self, chunk: Chunk, cache: DynamicCache) -> torch.Tensor:
        """Return what the head reads of the wanted nodes, L x D; keys and values of all nodes join the cache."""
        tokens, positions, wanted = chunk.inputs(self.model.device)
        output = self._backbone(
            input_ids=tokens[None],
            position_ids=positions[None],
            past_key_values=cache,
            use_cache=True,
            **self._attention(chunk),
        )
        hidden_LD: torch.Tensor = output.last_hidden_state[0, wanted]
        return hidden_LD

    def _attention(self, chunk: Chunk) -> dict[str, Any]:
        """Return what says which nodes a node sees, in the form that the model's attention takes."""
        attention, device = self.model.config._attn_implementation, self.model.device
        if attention == tree_attention.NAME:
            blocks = tree_attention.TreeBlocks(chunk, self.model.dtype)
            return {"attention_mask": blocks.mask, "tree_blocks": blocks}
        if attention == "flex_attention":
            return {"attention_mask": _block_mask(chunk, device)}
        return {"attention_mask": chunk.mask(chunk.nodes, self.model.dtype, device)[None, None]}


def _block_mask(chunk: Chunk, device: torch.device) -> Any:
    """Return the mask for FlexAttention, which skips the blocks that nothing sees."""
    keys = chunk.seen
    queries_T, keys_K, ends_K = (torch.from_numpy(a).to(device) for a in (chunk.nodes, keys, chunk.trie.ends[keys]))

    def sees(batch: Any, head: Any, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        node = queries_T[query]
        return (keys_K[key] <= node) & (node < ends_K[key])

    return create_block_mask(sees, None, None, len(queries_T), len(keys_K), device=str(device))


def can_pack(model: Any) -> bool:
    """Whether every layer of a model attends to all earlier tokens, and its head is one linear map of the last one.

    Not where positions are turned by how long the longest text of a pass is: a score would depend on its neighbours.
    """
    config = model.config.get_text_config()
    rope = (getattr(config, "rope_parameters", None) or {}).get("rope_type")
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    slides = getattr(config, "sliding_window", None) is not None and getattr(config, "use_sliding_window", True)
    return (
        kinds == {"full_attention"}
        and rope not in ("longrope", "dynamic")
        and not slides
        and isinstance(getattr(model, "score", None), torch.nn.Module)
        and config._attn_implementation in ("sdpa", "eager", "flex_attention", tree_attention.NAME)
    )
