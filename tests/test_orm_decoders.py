"""Ways of running a model over a trie: the same logits by each, and no work for nodes that nobody reads."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import (
    GPTNeoXConfig,
    GPTNeoXForSequenceClassification,
    LlamaConfig,
    LlamaForSequenceClassification,
    MistralConfig,
    MistralForSequenceClassification,
    Qwen2Config,
    Qwen2ForSequenceClassification,
    Qwen3Config,
    Qwen3ForSequenceClassification,
)

from staged_reward.orm.fused_decoder import FusedDecoder, is_like_llama
from staged_reward.orm.memory import Budget
from staged_reward.orm.packed import Decoder, leaf_logits
from staged_reward.orm.padded import padded_logits
from staged_reward.orm.transformers_decoder import TransformersDecoder
from staged_reward.orm.trie import TokenTrie

SIZES: dict[str, Any] = {
    "vocab_size": 5, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "num_labels": 1, "pad_token_id": 4,
}  # fmt: skip
KINDS = {
    "llama": (LlamaConfig, LlamaForSequenceClassification),
    "qwen2": (Qwen2Config, Qwen2ForSequenceClassification),
    "qwen3": (Qwen3Config, Qwen3ForSequenceClassification),
}
OTHERS = {
    "mistral": (MistralConfig, MistralForSequenceClassification, {"sliding_window": None}),
    "llama with biases": (
        LlamaConfig,
        LlamaForSequenceClassification,
        {"attention_bias": True, "mlp_bias": True, "head_dim": 6},
    ),
}
WAYS = ["fused", "tree", "sdpa", "eager"]
ROWS = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=60), min_size=1, max_size=6)


def make_model(kind: str, **settings: Any) -> Any:
    config, model, *rest = (KINDS | OTHERS)[kind]
    torch.manual_seed(0)
    made = model(config(**{**SIZES, **settings, **(rest[0] if rest else {})})).eval()
    with torch.no_grad():
        for parameter in made.parameters():  # norms and biases too: they begin as ones and zeros
            parameter.add_(0.1 * torch.randn_like(parameter))
    return made


def make(kind: str, way: str) -> Decoder:
    model = make_model(kind)
    if way == "fused":
        return FusedDecoder(model)
    model.set_attn_implementation(way)
    return TransformersDecoder(model)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", [*KINDS, *OTHERS])
def test_the_logits_are_those_of_the_whole_model(kind: str, way: str) -> None:
    decoder = make(kind, way)

    @settings(max_examples=15)
    @given(rows=ROWS, tokens=st.integers(1, 400))
    def check(rows: list[list[int]], tokens: int) -> None:
        found, _ = leaf_logits(decoder, TokenTrie.of(rows), Budget(tokens))
        expected, _ = padded_logits(decoder.model, rows, SIZES["pad_token_id"], Budget(1))
        assert found == pytest.approx(expected, abs=1e-5)

    check()


def test_many_nodes_in_a_chunk() -> None:
    decoder = make("qwen3", "fused")
    rows = [[0, 1] * 30 + [i] * 25 + [3] * (i + 1) for i in range(4)] * 2 + [
        [2, i % 3, *[i % 4] * i] for i in range(40)
    ]
    found, _ = leaf_logits(decoder, TokenTrie.of(rows), Budget(1024))
    expected, _ = padded_logits(decoder.model, rows, SIZES["pad_token_id"], Budget(1))
    assert found == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_joined_weights_are_the_models_own(dtype: torch.dtype) -> None:
    model = make_model("qwen2").to(dtype)
    rows = [[0, 1, 2], [0, 1, 3, 3]]
    before, _ = padded_logits(model, rows, SIZES["pad_token_id"], Budget(1))
    FusedDecoder(model)
    attention, mlp = model.model.layers[0].self_attn, model.model.layers[1].mlp
    for modules in ((attention.q_proj, attention.k_proj, attention.v_proj), (mlp.gate_proj, mlp.up_proj)):
        assert len({module.weight.untyped_storage().data_ptr() for module in modules}) == 1
    after, _ = padded_logits(model, rows, SIZES["pad_token_id"], Budget(1))
    assert after == before


def test_nothing_is_computed_for_what_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = make("llama", "fused")
    num_rows: list[int] = []
    silu = torch.nn.functional.silu
    monkeypatch.setattr(torch.nn.functional, "silu", lambda rows: num_rows.append(len(rows)) or silu(rows))
    trie = TokenTrie.of([[0] * 40 + [i] * 10 for i in range(1, 4)])
    leaf_logits(decoder, trie, Budget(30))  # three chunks; the first has no leaf
    assert sum(num_rows) == len(trie) + 3  # two layers, and the last has the leaves alone


@pytest.mark.parametrize("kind", [*KINDS, *OTHERS])
def test_what_is_built_like_llama_is_known(kind: str) -> None:
    assert is_like_llama(make_model(kind))


@pytest.mark.parametrize(
    "settings", [{"hidden_act": "gelu"}, {"num_hidden_layers": 0}], ids=["another activation", "no layer"]
)
def test_what_is_not_built_like_llama_is_known(settings: dict[str, Any]) -> None:
    assert not is_like_llama(make_model("llama", **settings))
    neox = GPTNeoXForSequenceClassification(GPTNeoXConfig(**{**SIZES, "num_key_value_heads": None}))
    assert not is_like_llama(neox)
