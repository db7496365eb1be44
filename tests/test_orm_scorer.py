"""The ORM scorer against a direct forward pass, and against what could make a score depend on anything but its text."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    LlamaForSequenceClassification,
    PreTrainedTokenizerFast,
)

from staged_reward.errors import InfraError, InputError
from staged_reward.orm.card import OrmCard
from staged_reward.orm.fused_decoder import FusedDecoder
from staged_reward.orm.memory import Budget
from staged_reward.orm.padded import batches
from staged_reward.orm.scorer import OrmScorer
from staged_reward.orm.transformers_decoder import TransformersDecoder

PROGRAMS = [
    "x = 1",
    "def f(a):\n    return a",
    "",
    "print('é')" * 9,
    "x = 1",
    "while True: pass",
    "\ud800 lone",
    "#" * 70,
]
PROMPTS = [f"Problem {index}" for index in range(len(PROGRAMS))]


def save_checkpoint(
    folder: Path, *, num_labels: int = 1, special: dict[str, str] | None = None, **tokenizer_settings: Any
) -> Path:
    """Save a random Llama with a head and a byte-level tokenizer. Weights are large, so that scores differ visibly."""
    special = {"pad_token": "<pad>", "eos_token": "<eos>"} if special is None else special
    tokens = ["<pad>", "<eos>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    backend = Tokenizer(models.BPE(vocab={token: index for index, token in enumerate(tokens)}, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=backend, **special, **tokenizer_settings).save_pretrained(folder)
    torch.manual_seed(0)
    LlamaForSequenceClassification(llama_config(num_labels, len(tokens))).save_pretrained(folder)
    return folder


def llama_config(num_labels: int, vocab_size: int) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=vocab_size,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=512,
        initializer_range=0.4,
        num_labels=num_labels,
        bos_token_id=None,
        eos_token_id=1,
        pad_token_id=None,
    )


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_checkpoint(tmp_path_factory.mktemp("orm"))


@pytest.fixture(scope="module")
def scorer(checkpoint: Path) -> OrmScorer:
    return OrmScorer(checkpoint)


def direct_score(folder: Path, text: str) -> float:
    """The logit at the last token of `text`, in a batch of one without padding, from the backbone and the head."""
    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
    ids = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        return float(model.score(model.model(ids).last_hidden_state[0, -1]))


def test_score_is_the_logit_at_the_eos_that_training_appends(checkpoint: Path, scorer: OrmScorer) -> None:
    score = scorer.score(["Add."], ["def f(a):\n    return a"])[0]
    assert score == pytest.approx(direct_score(checkpoint, "Add.\ndef f(a):\n    return a<eos>"), abs=1e-5)


def test_eos_is_not_appended_twice(scorer: OrmScorer) -> None:
    assert scorer.score(["Add."], ["x = 1<eos>"]) == scorer.score(["Add."], ["x = 1"])


def test_scores_differ_between_programs(scorer: OrmScorer) -> None:
    scores = scorer.score(["same"] * len(PROGRAMS), PROGRAMS)
    assert scores[0] == scores[4]
    assert len({round(score, 2) for score in scores}) == len(PROGRAMS) - 1


def test_tokenizer_without_pad_token_pools_before_eos_as_in_training(tmp_path: Path) -> None:
    folder = save_checkpoint(tmp_path, special={"eos_token": "<eos>"})
    scores = OrmScorer(folder).score(["Add."] * 2, ["x = 1", "a much longer program that makes padding"])
    assert scores[0] == pytest.approx(direct_score(folder, "Add.\nx = 1"), abs=1e-5)


def test_padding_and_truncation_sides_of_the_tokenizer_file_do_not_matter(tmp_path: Path, scorer: OrmScorer) -> None:
    folder = save_checkpoint(tmp_path, padding_side="left", truncation_side="right")
    assert OrmScorer(folder).score(PROMPTS, PROGRAMS) == pytest.approx(scorer.score(PROMPTS, PROGRAMS), abs=1e-4)


@pytest.fixture(scope="module")
def alone(scorer: OrmScorer) -> list[float]:
    return [scorer.score([prompt], [program])[0] for prompt, program in zip(PROMPTS, PROGRAMS, strict=True)]


@settings(max_examples=25, deadline=None)
@given(
    rows=st.lists(st.integers(0, len(PROGRAMS) - 1), min_size=1, max_size=20),
    max_tokens_per_batch=st.sampled_from([1, 3, 64, 200, 1000, 16384]),
    way=st.sampled_from(["fused", "transformers", "padded"]),
)
def test_scores_do_not_depend_on_batch_or_order(
    scorer: OrmScorer, alone: list[float], rows: Sequence[int], max_tokens_per_batch: int, way: str
) -> None:
    other = pickle.loads(pickle.dumps(scorer))
    loaded, card = scorer._load()
    assert isinstance(loaded.decoder, FusedDecoder)
    decoder = {"fused": loaded.decoder, "transformers": TransformersDecoder(loaded.model), "padded": None}[way]
    other._loaded = loaded._replace(budget=Budget(max_tokens_per_batch), decoder=decoder), card
    scores = other.score([PROMPTS[row] for row in rows], [PROGRAMS[row] for row in rows])
    assert scores == pytest.approx([alone[row] for row in rows], abs=1e-4)


@given(
    lengths=st.lists(st.integers(0, 300), max_size=60),
    max_tokens_per_batch=st.integers(1, 1000),
)
def test_batches_hold_every_row_once_within_the_budget(lengths: list[int], max_tokens_per_batch: int) -> None:
    made = list(batches(lengths, max_tokens_per_batch))
    assert sorted(index for batch in made for index in batch) == list(range(len(lengths)))
    for batch in made:
        longest = max(lengths[index] for index in batch)
        assert len(batch) == 1 or len(batch) * longest <= max_tokens_per_batch
        assert lengths[batch[0]] == longest


def test_batches_of_a_known_case() -> None:
    # Longest first: 9 alone exceeds 8; 4 + 4 fill 8; 3 takes 2 beside it (2 x 3 = 6), a third would make 9.
    assert list(batches([3, 9, 4, 2, 4, 1], 8)) == [[1], [2, 4], [0, 3], [5]]


def test_an_empty_text_without_eos_has_a_score(tmp_path: Path) -> None:
    folder = save_checkpoint(tmp_path, special={"pad_token": "<pad>"})
    scores = OrmScorer(folder, template="{program}").score(["", ""], ["", "x"])
    assert scores[0] == pytest.approx(direct_score(folder, "<pad>"), abs=1e-5)


def test_the_last_tokens_are_kept(checkpoint: Path) -> None:
    short = OrmScorer(checkpoint, max_length=6)  # 5 bytes and EOS
    scores = short.score(["one", "two"], ["aaa x = 1", "bbb x = 1"])
    assert scores[0] == scores[1]
    assert scores[0] == pytest.approx(direct_score(checkpoint, "x = 1<eos>"), abs=1e-5)


def test_a_text_beyond_the_positions_of_the_model_is_cut_there(checkpoint: Path) -> None:
    score = OrmScorer(checkpoint, max_length=10_000).score(["p"], ["y" * 2000])[0]
    assert score == pytest.approx(direct_score(checkpoint, "y" * 511 + "<eos>"), abs=1e-5)


def test_braces_in_prompts_and_programs_are_text(checkpoint: Path) -> None:
    score = OrmScorer(checkpoint, template="{x}{prompt}|{program}").score(["a{program}"], ["{prompt}{0}"])[0]
    assert score == pytest.approx(direct_score(checkpoint, "{x}a{program}|{prompt}{0}<eos>"), abs=1e-5)


def test_a_pickled_scorer_scores_the_same_and_carries_no_model(scorer: OrmScorer) -> None:
    before = pickle.dumps(OrmScorer(scorer.model))
    scores = scorer.score(PROMPTS, PROGRAMS)
    after = pickle.dumps(scorer)
    assert len(after) < 1000
    assert pickle.loads(after).score(PROMPTS, PROGRAMS) == pytest.approx(scores, abs=1e-5)
    assert pickle.loads(before).score(PROMPTS, PROGRAMS) == pytest.approx(scores, abs=1e-5)


def test_threads_share_one_scorer(checkpoint: Path, scorer: OrmScorer) -> None:
    shared, results = OrmScorer(checkpoint), []
    threads = [threading.Thread(target=lambda: results.append(shared.score(PROMPTS, PROGRAMS))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    for found in results:
        assert found == pytest.approx(scorer.score(PROMPTS, PROGRAMS), abs=1e-5)


def test_no_programs_need_no_model() -> None:
    assert OrmScorer("no/such/model").score([], []) == []


def test_prompts_and_programs_must_pair_up(scorer: OrmScorer) -> None:
    with pytest.raises(InputError, match="1 prompts for 2 programs"):
        scorer.score(["p"], ["a", "b"])


def test_a_checkpoint_with_two_labels_is_refused_by_number(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="num_labels=2"):
        OrmScorer(save_checkpoint(tmp_path, num_labels=2)).score(["p"], ["x"])


def test_a_checkpoint_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing_here"):
        OrmScorer(tmp_path / "nothing_here").score(["p"], ["x"])


def test_a_damaged_checkpoint_is_refused_by_name(tmp_path: Path) -> None:
    (save_checkpoint(tmp_path) / "model.safetensors").write_bytes(b"cut short")
    with pytest.raises(InputError, match="cannot load"):
        OrmScorer(tmp_path).score(["p"], ["x"])


def test_a_language_model_without_a_head_is_refused(tmp_path: Path) -> None:
    LlamaForCausalLM(llama_config(1, 258)).save_pretrained(save_checkpoint(tmp_path))
    with pytest.raises(InputError, match=r"score\.weight"):
        OrmScorer(tmp_path).score(["p"], ["x"])


def test_a_tokenizer_with_neither_pad_nor_eos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither pad_token nor eos_token"):
        OrmScorer(save_checkpoint(tmp_path, special={})).score(["p"], ["x"])


def test_a_score_that_is_not_a_number_names_the_program(tmp_path: Path) -> None:
    scorer = OrmScorer(save_checkpoint(tmp_path))
    loaded, _ = scorer._load()
    loaded.model.model.embed_tokens.weight[loaded.tokenizer("z")["input_ids"][0]] = torch.nan
    with pytest.raises(InfraError, match="score nan for program index 2"):
        scorer.score(["p"] * 4, ["a", "b", "z", "c"])


@pytest.mark.parametrize(
    "settings",
    [
        {"max_length": 0},
        {"max_length": 1.5},
        {"max_tokens_per_batch": -1},
        {"max_tokens_per_batch": True},
        {"template": "x"},
    ],
)
def test_bad_settings_are_refused_before_anything_loads(settings: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(settings))):
        OrmScorer("model", **settings)


def test_importing_the_scorer_loads_no_torch() -> None:
    code = "import sys, staged_reward.orm.scorer; print({'torch', 'transformers', 'trl'} & set(sys.modules))"
    command = [sys.executable, "-c", code]
    root = Path(__file__).parent.parent
    assert subprocess.run(command, capture_output=True, text=True, check=True, cwd=root).stdout == "set()\n"


def test_the_text_is_tokenised_as_trl_does_in_training(tmp_path: Path, checkpoint: Path, scorer: OrmScorer) -> None:
    """TRL's own trainer prepares the row; its token ids, through the model, must give our score."""
    from datasets import Dataset
    from trl import RewardConfig, RewardTrainer

    row = {"prompt": "Add.\n", "chosen": "def f(a):\n    return a", "rejected": "x = 1<eos>"}
    trainer = RewardTrainer(
        model=AutoModelForSequenceClassification.from_pretrained(checkpoint, dtype=torch.float32),
        args=RewardConfig(output_dir=str(tmp_path), use_cpu=True, bf16=False, report_to="none"),
        train_dataset=Dataset.from_list([row]),
        processing_class=AutoTokenizer.from_pretrained(checkpoint),
    )
    batch = trainer.data_collator([trainer.train_dataset[0]])  # both programs, padded to one length
    with torch.inference_mode():
        logits = trainer.model.eval()(batch["input_ids"], attention_mask=batch["attention_mask"]).logits[:, 0].tolist()
    assert scorer.score(["Add."] * 2, ["def f(a):\n    return a", "x = 1<eos>"]) == pytest.approx(logits, abs=1e-4)


# ---- what a checkpoint says of its own use


def with_card(folder: Path, **settings: Any) -> Path:
    save_checkpoint(folder)
    OrmCard(**settings).save(folder)
    return folder


def test_a_checkpoint_is_used_as_it_says(tmp_path: Path) -> None:
    folder = with_card(tmp_path, template="{program}|{prompt}", normalisation="black", max_length=9)
    score = OrmScorer(folder).score(["prompt"], ["x=1"])[0]
    text = "x = 1\n|prompt<eos>"
    assert score == pytest.approx(direct_score(folder, text[-(8 + len("<eos>")) :]), abs=1e-4)


def test_what_a_program_says_of_itself_does_not_reach_a_model_that_reads_pythons_own_form(tmp_path: Path) -> None:
    scorer = OrmScorer(with_card(tmp_path, normalisation="ast"))
    plain, flattering = scorer.score(["p"] * 2, ["x=1", '"""Correct!"""\nx = (1)  # passes all tests'])
    assert plain == flattering == pytest.approx(direct_score(tmp_path, "p\nx = 1\n<eos>"), abs=1e-4)


def test_an_unknown_normalisation_is_refused() -> None:
    with pytest.raises(InputError, match="normalisation='yapf'; it is one of"):
        OrmCard(normalisation="yapf")  # type: ignore[arg-type]


@pytest.mark.parametrize("settings", [{"template": "{program}"}, {"normalisation": "none"}])
def test_what_does_not_fit_the_training_is_refused(tmp_path: Path, settings: dict[str, Any]) -> None:
    folder = with_card(tmp_path, template="{prompt}|{program}", normalisation="black")
    with pytest.raises(InputError, match="was trained with"):
        OrmScorer(folder, **settings).score(["p"], ["x"])


def test_another_length_than_in_training_is_a_warning(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="max_length=7, but .* was trained with 9"):
        OrmScorer(with_card(tmp_path, max_length=9), max_length=7).score(["p"], ["x"])


def test_another_eos_than_in_training_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="trained with the EOS '<end>', but its tokenizer has '<eos>'"):
        OrmScorer(with_card(tmp_path, eos_token="<end>")).score(["p"], ["x"])


def test_a_damaged_card_is_refused_by_its_path(tmp_path: Path) -> None:
    (with_card(tmp_path) / "orm.json").write_text('{"template": "no place"}')
    with pytest.raises(InputError, match=r"orm\.json: template='no place' has no \{program\}"):
        OrmScorer(tmp_path).score(["p"], ["x"])


def test_a_card_of_a_later_version_is_read_as_far_as_it_is_known(tmp_path: Path) -> None:
    (with_card(tmp_path) / "orm.json").write_text('{"max_length": 9, "colour": "blue"}')
    assert OrmScorer(tmp_path).card().max_length == 9


# ---- what it costs


def test_each_distinct_prefix_is_computed_once(checkpoint: Path) -> None:
    scorer = OrmScorer(checkpoint, template="{prompt}{program}")
    scorer.score(["abc"] * 4, ["de", "df", "de", "d"])
    # abc d e <eos> f <eos> <eos>: the texts are bytes, and each ends in its own EOS
    assert (scorer.cost.programs, scorer.cost.distinct_programs) == (4, 3)
    assert scorer.cost.distinct_prefixes == scorer.cost.computed == 3 + 1 + 2 + 2 + 1
    assert scorer.cost.tokens == 6 + 6 + 5
    assert scorer.cost.padding == 0
    assert scorer.cost.flops > 0


def test_a_model_that_only_looks_like_llama_is_run_by_its_own_code(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers.models.llama.modeling_llama import LlamaMLP

    whole = LlamaMLP.forward
    monkeypatch.setattr(LlamaMLP, "forward", lambda mlp, rows: 2 * whole(mlp, rows))
    scorer = OrmScorer(checkpoint)
    programs = ["x = 1", "x = 1\ny = 2"]
    scores = scorer.score(["Add."] * 2, programs)
    assert isinstance(scorer._load()[0].decoder, TransformersDecoder)
    assert scores == pytest.approx([direct_score(checkpoint, f"Add.\n{one}<eos>") for one in programs], abs=1e-4)


class Forgetful:
    """A decoder that has no memory for more than some nodes, and notices after it has changed the cache."""

    def __init__(self, decoder: Any, most: int) -> None:
        self.decoder, self.model, self.most = decoder, decoder.model, most
        self.sizes: list[int] = []

    def last_hidden(self, chunk: Any, cache: Any) -> torch.Tensor:
        self.sizes.append(len(chunk.nodes))
        hidden: torch.Tensor = self.decoder.last_hidden(chunk, cache)
        if len(chunk.nodes) > self.most:
            raise torch.OutOfMemoryError("no memory")
        return hidden


def test_memory_that_runs_out_halves_the_pass_and_changes_no_score(scorer: OrmScorer, alone: list[float]) -> None:
    loaded, card = scorer._load()
    decoder = Forgetful(loaded.decoder, most=40)
    other = pickle.loads(pickle.dumps(scorer))
    other._loaded = loaded._replace(budget=Budget(200), decoder=decoder), card
    assert other.score(PROMPTS, PROGRAMS) == pytest.approx(alone, abs=1e-4)
    assert max(decoder.sizes) > 40 >= decoder.sizes[-1]


@pytest.mark.parametrize("way", [FusedDecoder, TransformersDecoder])
def test_memory_that_runs_out_within_the_first_pass_halves_it_too(
    scorer: OrmScorer, alone: list[float], monkeypatch: pytest.MonkeyPatch, way: Any
) -> None:
    loaded, card = scorer._load()
    silu = torch.nn.functional.silu

    def forgetful(rows: torch.Tensor, *rest: Any, **named: Any) -> torch.Tensor:
        if rows.shape[-2] > 40:
            raise torch.OutOfMemoryError("no memory")  # layer 0 has its keys by now, layer 1 has none
        return silu(rows, *rest, **named)

    monkeypatch.setattr(torch.nn.functional, "silu", forgetful)
    other = pickle.loads(pickle.dumps(scorer))
    other._loaded = loaded._replace(budget=Budget(200), decoder=way(loaded.model)), card
    assert other.score(PROMPTS, PROGRAMS) == pytest.approx(alone, abs=1e-4)
    assert other._loaded[0].budget.tokens <= 50


def test_a_model_of_few_positions_can_be_loaded(tmp_path: Path) -> None:
    from transformers import GPT2Config, GPT2ForSequenceClassification

    save_checkpoint(tmp_path)  # for its tokenizer
    config = GPT2Config(
        vocab_size=258, n_positions=32, n_embd=8, n_layer=1, n_head=2, num_labels=1,
        pad_token_id=0, eos_token_id=1, bos_token_id=None,
    )  # fmt: skip
    GPT2ForSequenceClassification(config).save_pretrained(tmp_path)
    assert len(OrmScorer(tmp_path).score(["p"] * 2, ["x = 1", "y = 2" * 30])) == 2


def test_memory_for_nothing_is_a_fault_of_ours(scorer: OrmScorer) -> None:
    loaded, card = scorer._load()
    other = pickle.loads(pickle.dumps(scorer))
    other._loaded = loaded._replace(budget=Budget(200), decoder=Forgetful(loaded.decoder, most=0)), card
    with pytest.raises(InfraError, match="no memory left for a pass of"):
        other.score(["p"], ["x"])
