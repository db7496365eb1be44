"""Ways of running a model over a trie: the same logits by each, and no work for nodes that nobody reads."""

from __future__ import annotations

from pathlib import Path
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
    Ministral3Config,
    Ministral3ForSequenceClassification,
    MistralConfig,
    MistralForSequenceClassification,
    Qwen2Config,
    Qwen2ForSequenceClassification,
    Qwen3Config,
    Qwen3ForSequenceClassification,
)

from staged_reward.orm import tree_attention
from staged_reward.orm.checkpoint import load_checkpoint
from staged_reward.orm.fused_decoder import FusedDecoder, is_like_llama
from staged_reward.orm.memory import Budget
from staged_reward.orm.packed import Decoder, leaf_logits
from staged_reward.orm.padded import padded_logits
from staged_reward.orm.transformers_decoder import TransformersDecoder, can_pack
from staged_reward.orm.trie import TokenTrie
from tests.test_orm_scorer import save_checkpoint

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
    decoder = FusedDecoder(model)
    for mine, layer in zip(decoder._layers, model.model.layers, strict=True):
        attention, mlp = layer.self_attn, layer.mlp
        for joined, modules in (
            (mine.heads, (attention.q_proj, attention.k_proj, attention.v_proj)),
            (mine.gate_up, (mlp.gate_proj, mlp.up_proj)),
            (mine.down, (mlp.down_proj,)),
        ):
            places = {module.weight.untyped_storage().data_ptr() for module in modules}
            assert places == {joined.weight.untyped_storage().data_ptr()}
    after, _ = padded_logits(model, rows, SIZES["pad_token_id"], Budget(1))
    assert after == before


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_loaded_checkpoint_is_run_so_in_its_own_type(tmp_path: Path, dtype: torch.dtype) -> None:
    save_checkpoint(tmp_path)
    checkpoint = load_checkpoint(str(tmp_path), "cpu", dtype)
    assert isinstance(checkpoint.decoder, FusedDecoder)
    assert checkpoint.decoder.model is checkpoint.model
    assert checkpoint.model.dtype == dtype


def test_a_trial_takes_several_blocks_and_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int]] = []
    attend = tree_attention.TreeBlocks.attend

    def watched(blocks: Any, query: torch.Tensor, *rest: Any) -> Any:
        seen.append((len(blocks.mask), query.shape[1] % blocks.mask.shape[2]))
        return attend(blocks, query, *rest)

    monkeypatch.setattr(tree_attention.TreeBlocks, "attend", watched)
    load_checkpoint(str(save_checkpoint(tmp_path)), "cpu", torch.float32)
    assert any(num_blocks > 1 and num_left > 0 for num_blocks, num_left in seen)
    assert len(set(seen)) > 1


class Failing:
    """A decoder that is out of memory at some calls: before or after it has changed the cache, or in the middle."""

    def __init__(self, decoder: Decoder, when: dict[int, str]) -> None:
        self.decoder, self.model, self.when, self.num_calls = decoder, decoder.model, when, 0

    def last_hidden(self, chunk: Any, cache: Any) -> torch.Tensor:
        how = self.when.get(self.num_calls)
        self.num_calls += 1
        if how is None:
            return self.decoder.last_hidden(chunk, cache)
        update = cache.update

        def failing(keys: Any, values: Any, layer: int, *rest: Any, **named: Any) -> Any:
            if how == "before" or (how == "middle" and layer == 1):
                raise torch.OutOfMemoryError("no memory")
            return update(keys, values, layer, *rest, **named)

        cache.update = failing
        try:
            self.decoder.last_hidden(chunk, cache)
        finally:
            del cache.update
        raise torch.OutOfMemoryError("no memory")


@pytest.mark.parametrize("way", ["fused", "tree"])
@settings(max_examples=25)
@given(rows=ROWS, when=st.dictionaries(st.integers(0, 6), st.sampled_from(["before", "middle", "after"]), max_size=3))
def test_a_pass_that_runs_out_of_memory_leaves_no_trace(way: str, rows: list[list[int]], when: dict[int, str]) -> None:
    decoder = make("llama", way)
    budget = Budget(128)
    found, _ = leaf_logits(Failing(decoder, when), TokenTrie.of(rows), budget)
    expected, _ = padded_logits(decoder.model, rows, SIZES["pad_token_id"], Budget(1))
    assert found == pytest.approx(expected, abs=1e-5)


def test_a_later_pass_that_runs_out_of_memory_keeps_the_path() -> None:
    decoder = Failing(make("llama", "fused"), {1: "middle", 3: "after"})
    rows = [[0, 1] * 20 + [i] * 30 for i in range(4)]
    budget = Budget(64)
    found, _ = leaf_logits(decoder, TokenTrie.of(rows), budget)
    assert budget.tokens == 16
    expected, _ = padded_logits(decoder.model, rows, SIZES["pad_token_id"], Budget(1))
    assert found == pytest.approx(expected, abs=1e-5)


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


def _no_bias(attention: Any) -> None:
    attention.k_proj.bias = None


def _other_linear(attention: Any) -> None:
    attention.o_proj = type("Scaled", (torch.nn.Linear,), {})(16, 16)


def _one_more(attention: Any) -> None:
    attention.sinks = torch.nn.Linear(1, 1)


@pytest.mark.parametrize("change", [_no_bias, _other_linear, _one_more])
def test_a_layer_of_other_parts_is_known(change: Any) -> None:
    model = make_model("qwen2")
    assert is_like_llama(model)
    change(model.model.layers[1].self_attn)
    assert not is_like_llama(model)


@pytest.mark.parametrize(
    "settings", [{"hidden_act": "gelu"}, {"num_hidden_layers": 0}], ids=["another activation", "no layer"]
)
def test_what_is_not_built_like_llama_is_known(settings: dict[str, Any]) -> None:
    assert not is_like_llama(make_model("llama", **settings))


@pytest.mark.parametrize(
    ("config", "model"),
    [
        (GPTNeoXConfig(**{**SIZES, "num_key_value_heads": None}), GPTNeoXForSequenceClassification),
        (Ministral3Config(**SIZES), Ministral3ForSequenceClassification),
    ],
)
def test_other_models_are_run_by_their_own_code(config: Any, model: Any) -> None:
    assert not is_like_llama(model(config))


@pytest.mark.parametrize("kind", ["longrope", "dynamic"])
def test_positions_that_depend_on_the_pass_are_not_packed(kind: str) -> None:
    rope: dict[str, Any] = {
        "longrope": {"short_factor": [1.0] * 2, "long_factor": [2.0] * 2, "original_max_position_embeddings": 512},
        "dynamic": {"factor": 2.0},
    }[kind]
    rope = {"rope_type": kind, "rope_theta": 10_000.0, **rope}
    assert not can_pack(make_model("llama", rope_parameters=rope, max_position_embeddings=1024))
    assert can_pack(make_model("llama"))
