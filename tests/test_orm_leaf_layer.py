"""The last layer at the leaves alone: the same logits, and no work for nodes that nobody reads."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import (
    LlamaConfig,
    LlamaForSequenceClassification,
    Qwen2Config,
    Qwen2ForSequenceClassification,
    Qwen3Config,
    Qwen3ForSequenceClassification,
)

from staged_reward.orm import leaf_layer, tree_attention
from staged_reward.orm.memory import Budget
from staged_reward.orm.packed import leaf_logits
from staged_reward.orm.padded import padded_logits
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
ROWS = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=60), min_size=1, max_size=6)


def make(kind: str, attention: str) -> Any:
    config, model = KINDS[kind]
    torch.manual_seed(0)
    made = model(config(**SIZES)).eval()
    made.set_attn_implementation(attention)
    leaf_layer.install(made)
    return made


@pytest.mark.parametrize("attention", [tree_attention.NAME, "sdpa", "eager"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_logits_are_those_of_the_whole_model(kind: str, attention: str) -> None:
    model = make(kind, attention)

    @settings(max_examples=15)
    @given(rows=ROWS, tokens=st.integers(1, 200))
    def check(rows: list[list[int]], tokens: int) -> None:
        assert leaf_layer.is_installed(model)
        found, _ = leaf_logits(model, TokenTrie.of(rows), Budget(tokens))
        expected, _ = padded_logits(model, rows, SIZES["pad_token_id"], Budget(1))
        assert found == pytest.approx(expected, abs=1e-5)

    check()


def test_nothing_is_computed_for_what_nobody_reads() -> None:
    model = make("llama", tree_attention.NAME)
    rows_seen: list[int] = []
    model.model.layers[-1].mlp.register_forward_pre_hook(lambda _, inputs: rows_seen.append(inputs[0].shape[1]))
    trie = TokenTrie.of([[0] * 40 + [i] * 10 for i in range(1, 4)])
    leaf_logits(model, trie, Budget(30))  # two chunks; the first has no leaf
    assert sum(rows_seen) == 3


def test_it_can_be_taken_out_again() -> None:
    model = make("llama", "sdpa")
    whole = model.model.layers[-1].layer
    leaf_layer.install(model)
    leaf_layer.uninstall(model)
    assert model.model.layers[-1] is whole
    assert not leaf_layer.is_installed(model)
