"""The backbone of the small reward model, with the real script on a few files."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

from staged_reward.errors import InputError
from staged_reward.orm.groups import Group, LabelledProgram, write_groups

pytestmark = pytest.mark.filterwarnings("ignore")  # of what transformers uses
ROOT = Path(__file__).parent.parent
TINY = {
    "vocab_size": 300, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
    "num_key_value_heads": 1, "block_size": 32, "max_steps": 4, "save_steps": 2, "per_device_train_batch_size": 2,
    "logging_steps": 1, "use_cpu": True,
}  # fmt: skip


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "train"))
    return importlib.import_module("pretrain_backbone")


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    folder = tmp_path / "sources"
    (folder / "test").mkdir(parents=True)
    (folder / "a.py").write_text("def add(a, b):\n    return a + b\n" * 20)
    (folder / "b.py").write_text("print('é')\n" * 20)
    (folder / "test" / "left_out.py").write_text("x = 1\n")
    return folder


def test_it_leaves_a_model_a_tokenizer_and_what_it_read(script: Any, sources: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    programs = [LabelledProgram("right = 1", True), LabelledProgram("wrong = 1", False)]
    write_groups(tmp_path / "groups.jsonl", [Group("t", "Set it.", programs)])
    folder = tmp_path / "backbone"
    script.main(
        script.Settings(output_dir=str(folder), sources=str(sources), data=str(tmp_path / "groups.jsonl"), **TINY)
    )
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    assert tokenizer.decode(tokenizer("def add(é, 10):\n\treturn").input_ids) == "def add(é, 10):\n\treturn"
    assert (tokenizer.pad_token, tokenizer.eos_token) == ("<|pad|>", "<|end|>")
    assert model.config.vocab_size == len(tokenizer)
    corpus = json.loads((folder / "corpus.json").read_text())
    assert (corpus["files"], corpus["correct_programs"], corpus["tokens_seen"]) == (2, 1, 4 * 2 * 32)


def test_a_second_start_goes_on_from_the_last_checkpoint(script: Any, sources: Path, tmp_path: Path) -> None:
    whole, halved = tmp_path / "whole", tmp_path / "halved"
    script.main(script.Settings(output_dir=str(whole), sources=str(sources), **TINY))
    script.main(script.Settings(output_dir=str(halved), sources=str(sources), **TINY))
    final = halved / "checkpoints" / "checkpoint-4" / "whole"
    final.unlink()  # as if it had been killed while it wrote this one
    (halved / "model.safetensors").unlink()
    script.main(script.Settings(output_dir=str(halved), sources=str(sources), **TINY))
    assert (halved / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sources": "./nothing"}, "sources='./nothing' is no folder"),
        ({"block_size": 100_000}, "block_size=100000, but there are"),
        ({"vocab_size": 0}, "vocab_size=0; give a positive number"),
    ],
)
def test_bad_input_is_named(script: Any, sources: Path, tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        script.main(script.Settings(**{"output_dir": str(tmp_path / "x"), "sources": str(sources), **TINY, **changes}))
    assert message in str(caught.value)
