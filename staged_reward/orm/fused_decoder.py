"""Runs models built like Llama (Qwen2, Qwen3, Mistral, SmolLM2 …) over a chunk of a trie on a CPU, in few operations.

A reward model is small and its passes are short: the model's own code spends more time between the matrix products than
in them. Here queries, keys and values are one product, gate and up another; queries and keys are turned together; norms are
torch's own. The last layer is computed at the wanted nodes alone: of the others it needs keys and values, and no more.

What it does not do: train, batches, models with other layers. Whoever uses it compares its output with the model's own
first (`checkpoint`).

Axes: as in `chunk`; W width, H heads, G heads of keys, D size of a head, C = D / 2.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import torch
from torch.nn import functional as F
from transformers import DynamicCache

from staged_reward.orm.chunk import Chunk
from staged_reward.orm.tree_attention import TreeBlocks

_MODEL_TYPES = {"llama", "mistral", "qwen2", "qwen3"}  # others have modules of these names, and do more with them
_BACKBONE = {"embed_tokens", "layers", "norm", "rotary_emb"}
_LAYER = {"self_attn", "mlp", "input_layernorm", "post_attention_layernorm"}
_ATTENTION = {"q_proj", "k_proj", "v_proj", "o_proj"}
_HEAD_NORMS = {"q_norm", "k_norm"}
_MLP = {"gate_proj", "up_proj", "down_proj", "act_fn"}


class _Linear(NamedTuple):
    weight: torch.Tensor
    bias: torch.Tensor | None

    @classmethod
    def joined(cls, *modules: Any) -> Self:
        """Put linear layers above one another; their own weights become views of the whole, not a second copy."""
        weight = torch.cat([module.weight.detach() for module in modules])
        start = 0
        for module in modules:
            end = start + len(module.weight)
            module.weight.data = weight[start:end]
            start = end
        biases = [module.bias for module in modules if module.bias is not None]
        return cls(weight, torch.cat(biases).detach() if biases else None)

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        return F.linear(rows, self.weight, self.bias)

    def rows(self, start: int | None, end: int | None) -> _Linear:
        """Return a part of the outputs."""
        return _Linear(self.weight[start:end], None if self.bias is None else self.bias[start:end])


class _Norm(NamedTuple):
    weight: torch.Tensor
    eps: float

    @classmethod
    def of(cls, module: Any) -> Self:
        return cls(module.weight, module.variance_epsilon)

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        return F.rms_norm(rows, self.weight.shape, self.weight, self.eps)


class _Turn(NamedTuple):
    """Turns heads by the positions of their tokens (RoPE), halves against each other."""

    cos_T1C: torch.Tensor
    sin_T1C: torch.Tensor

    @classmethod
    def of(cls, cos_TD: torch.Tensor, sin_TD: torch.Tensor) -> Self:
        half = cos_TD.shape[-1] // 2
        return cls(cos_TD[:, None, :half], sin_TD[:, None, :half])

    def __call__(self, heads_TND: torch.Tensor) -> torch.Tensor:
        left, right = heads_TND.chunk(2, dim=-1)
        return torch.cat(
            [left * self.cos_T1C - right * self.sin_T1C, right * self.cos_T1C + left * self.sin_T1C], dim=-1
        )

    def at(self, places_L: torch.Tensor) -> _Turn:
        """Return that of some of the tokens."""
        return _Turn(self.cos_T1C[places_L], self.sin_T1C[places_L])


class _Layer(NamedTuple):
    before_attention: _Norm
    heads: _Linear  # queries, keys, values
    head_norms: tuple[_Norm, _Norm] | None
    output: _Linear
    before_mlp: _Norm
    gate_up: _Linear
    down: _Linear
    size: int  # D
    num_heads: int
    num_groups: int
    scale: float

    @classmethod
    def of(cls, layer: Any) -> Self:
        attention, mlp = layer.self_attn, layer.mlp
        size = attention.head_dim
        return cls(
            _Norm.of(layer.input_layernorm),
            _Linear.joined(attention.q_proj, attention.k_proj, attention.v_proj),
            (_Norm.of(attention.q_norm), _Norm.of(attention.k_norm)) if hasattr(attention, "q_norm") else None,
            _Linear(attention.o_proj.weight, attention.o_proj.bias),
            _Norm.of(layer.post_attention_layernorm),
            _Linear.joined(mlp.gate_proj, mlp.up_proj),
            _Linear(mlp.down_proj.weight, mlp.down_proj.bias),
            size,
            len(attention.q_proj.weight) // size,
            len(attention.k_proj.weight) // size,
            attention.scaling,
        )

    def queries(self, heads_TND: torch.Tensor, turn: _Turn) -> torch.Tensor:
        """Return H x T x D from heads that begin with the queries."""
        queries_THD = heads_TND[:, : self.num_heads]
        if self.head_norms:
            queries_THD = self.head_norms[0](queries_THD)
        return turn(queries_THD).transpose(0, 1)

    def keys_and_values(self, heads_TND: torch.Tensor, turn: _Turn) -> tuple[torch.Tensor, torch.Tensor]:
        """Return keys and values, 1 x G x T x D each, from heads that end with them."""
        keys_TGD, values_TGD = heads_TND[:, -2 * self.num_groups :].chunk(2, dim=1)
        if self.head_norms:
            keys_TGD = self.head_norms[1](keys_TGD)
        return turn(keys_TGD).transpose(0, 1)[None], values_TGD.transpose(0, 1)[None]

    def after_attention(self, hidden_TW: torch.Tensor, attended_THD: torch.Tensor) -> torch.Tensor:
        """Return the layer's output from its input and what its heads have read."""
        hidden_TW = hidden_TW + self.output(attended_THD.flatten(1))
        gate, up = self.gate_up(self.before_mlp(hidden_TW)).chunk(2, dim=-1)
        return hidden_TW + self.down(F.silu(gate).mul_(up))


class FusedDecoder:
    """A model's layers, joined; the weights are the model's own, which must stay as they are.

    Args:
        model: A sequence-classification model, for which `is_like_llama` holds, on a CPU.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        backbone = getattr(model, model.base_model_prefix)
        self._embed = backbone.embed_tokens
        self._rotary = backbone.rotary_emb
        self._layers = [_Layer.of(layer) for layer in backbone.layers]
        self._norm = _Norm.of(backbone.norm)

    def last_hidden(self, chunk: Chunk, cache: DynamicCache) -> torch.Tensor:
        """Return what the head reads of the wanted nodes, L x W; keys and values of all nodes join the cache."""
        tokens_T, positions_T, wanted_L = chunk.inputs(self.model.device)
        hidden_TW = self._embed(tokens_T)
        cos, sin = self._rotary(hidden_TW, positions_T[None])
        turn = _Turn.of(cos[0], sin[0])
        blocks = TreeBlocks(chunk, hidden_TW.dtype)
        for number, layer in enumerate(self._layers[:-1]):
            heads_TND = layer.heads(layer.before_attention(hidden_TW)).view(len(hidden_TW), -1, layer.size)
            keys, values = cache.update(*layer.keys_and_values(heads_TND, turn), number)
            attended_THD = blocks.attend(layer.queries(heads_TND, turn), keys[0], values[0], layer.scale)
            hidden_TW = layer.after_attention(hidden_TW, attended_THD)
        hidden_LW = self._last_layer(chunk, cache, hidden_TW, wanted_L, turn)
        return self._norm(hidden_LW)

    def _last_layer(
        self, chunk: Chunk, cache: DynamicCache, hidden_TW: torch.Tensor, wanted_L: torch.Tensor, turn: _Turn
    ) -> torch.Tensor:
        layer = self._layers[-1]
        normed_TW = layer.before_attention(hidden_TW)
        num_query_rows = layer.num_heads * layer.size
        heads_TND = layer.heads.rows(num_query_rows, None)(normed_TW).view(len(normed_TW), -1, layer.size)
        keys, values = cache.update(*layer.keys_and_values(heads_TND, turn), len(self._layers) - 1)
        if not len(wanted_L):
            return hidden_TW[:0]
        heads_LHD = layer.heads.rows(None, num_query_rows)(normed_TW[wanted_L]).view(len(wanted_L), -1, layer.size)
        attended_1HLD = F.scaled_dot_product_attention(
            layer.queries(heads_LHD, turn.at(wanted_L))[None],
            keys,
            values,
            attn_mask=chunk.mask(chunk.nodes[chunk.wanted], hidden_TW.dtype, hidden_TW.device)[None, None],
            scale=layer.scale,
            enable_gqa=True,
        )
        return layer.after_attention(hidden_TW[wanted_L], attended_1HLD[0].transpose(0, 1))


def is_like_llama(model: Any) -> bool:
    """Whether a model is of a known type, and its modules are of the kinds that are known of it."""
    backbone = getattr(model, model.base_model_prefix)
    config = model.config.get_text_config()
    if config.model_type not in _MODEL_TYPES or config.hidden_act != "silu" or not len(backbone.layers):
        return False
    if _children(backbone) != _BACKBONE:
        return False
    return all(_is_layer(layer) for layer in backbone.layers) and hasattr(backbone.norm, "variance_epsilon")


def _is_layer(layer: Any) -> bool:
    if _children(layer) != _LAYER or _children(layer.mlp) != _MLP:
        return False
    if _children(layer.self_attn) not in (_ATTENTION, _ATTENTION | _HEAD_NORMS):
        return False
    attention, mlp = layer.self_attn, layer.mlp
    joined = [attention.q_proj, attention.k_proj, attention.v_proj], [mlp.gate_proj, mlp.up_proj]
    return (
        all(type(one) is torch.nn.Linear for one in (*joined[0], *joined[1], attention.o_proj, mlp.down_proj))
        and all(len({one.bias is None for one in part}) == 1 for part in joined)
        and all(hasattr(norm, "variance_epsilon") for norm in (layer.input_layernorm, layer.post_attention_layernorm))
    )


def _children(module: torch.nn.Module) -> set[str]:
    return {name for name, _ in module.named_children()}
