"""Training a reward model with the real script: every loss, a kill, two processes, and what the checkpoint says."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from staged_reward.config import load_config
from staged_reward.errors import InputError
from staged_reward.examples import CANDIDATES, PROBLEMS
from staged_reward.orm.card import OrmCard
from staged_reward.orm.scorer import OrmScorer

ROOT = Path(__file__).parent.parent
OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "WANDB_MODE": "offline", "CUDA_VISIBLE_DEVICES": ""}
ENVIRONMENT = {**os.environ, **OFFLINE, "PYTHONPATH": str(ROOT)}
LAUNCHER = ("-m", "accelerate.commands.launch", "--config_file", "configs/accelerate/two_cpu.yaml")
CONFIG = "configs/orm/smoke.yaml"

pytestmark = pytest.mark.filterwarnings("ignore")  # of what TRL and transformers use


@pytest.fixture(scope="module")
def script() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.syspath_prepend(str(ROOT / "train"))
        yield importlib.import_module("train_orm")


@pytest.fixture(scope="module")
def data(script: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    files = {"problems": PROBLEMS, "samples": CANDIDATES, "results": CANDIDATES, "output_dir": folder}
    make_pairs = importlib.import_module("make_pairs")
    make_pairs.main(load_config("configs/orm_data/examples.yaml", make_pairs.Settings, words_of(files)))
    return folder


def words_of(settings: dict[str, Any]) -> list[str]:
    return [f"{key}={value}" for key, value in settings.items()]


def command(data: Path, output_dir: Path, **changes: Any) -> list[str]:
    return ["train/train_orm.py", "--config", CONFIG, *words_of({"data": data, "output_dir": output_dir, **changes})]


def settings(script: Any, data: Path, output_dir: Path, **changes: Any) -> Any:
    return load_config(CONFIG, script.Settings, words_of({"data": data, "output_dir": output_dir, **changes}))


def losses_of(folder: Path) -> list[float]:
    history = json.loads((folder / "seed-1" / "trainer_state.json").read_text())["log_history"]
    return [entry["loss"] for entry in history if "loss" in entry]


@pytest.fixture(scope="module")
def trained(script: Any, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted run of eight steps on pairs."""
    folder = tmp_path_factory.mktemp("whole")
    script.main(settings(script, data, folder, max_steps=8, per_device_train_batch_size=4))
    return folder


def test_the_checkpoint_says_how_to_use_it_and_scores(trained: Path) -> None:
    card = OrmCard.of(str(trained / "seed-1"))
    assert card is not None
    assert (card.loss, card.base_model, card.normalisation, card.max_length) == ("bradley_terry", "tiny", "black", 512)
    assert card.eos_token == "<|end|>"
    assert card.data_sha256 is not None
    assert len(card.data_sha256) == 64
    assert 0 <= card.metrics["pair_accuracy"] <= 1
    assert "bo8" in card.metrics
    scorer = OrmScorer(trained / "seed-1")
    assert scorer.score(["p"] * 2, ["x=1", "x = 1\n"]) == scorer.score(["p"] * 2, ["x = 1\n", "x=1"])
    summary = json.loads((trained / "summary.json").read_text())
    assert summary["pair_accuracy"]["mean"] == pytest.approx(card.metrics["pair_accuracy"])


def test_best_of_n_on_held_out_problems_is_logged_at_every_evaluation(trained: Path) -> None:
    history = json.loads((trained / "seed-1" / "trainer_state.json").read_text())["log_history"]
    assert [entry["step"] for entry in history if "eval_bo8" in entry] == [2, 4, 6, 8]
    assert all("eval_loss" in entry or "eval_bo8" in entry or "step" in entry for entry in history)


@pytest.mark.parametrize("loss", ["bradley_terry_group", "top_pass"])
def test_group_losses_train(data: Path, tmp_path: Path, script: Any, loss: str) -> None:
    script.main(settings(script, data, tmp_path, loss=loss, max_programs=6))
    assert len(losses_of(tmp_path)) == 4
    card = OrmCard.of(str(tmp_path / "seed-1"))
    assert card is not None
    assert card.loss == loss


def test_adapters_are_evaluated_merged_and_saved_in_half_precision(data: Path, tmp_path: Path, script: Any) -> None:
    from safetensors.torch import load_file

    script.main(settings(script, data, tmp_path, lora_rank=4, save_dtype="float16"))
    weights = load_file(tmp_path / "seed-1" / "model.safetensors")
    assert {str(value.dtype) for value in weights.values()} == {"torch.float16"}
    assert not any("lora" in name for name in weights)
    card = OrmCard.of(str(tmp_path / "seed-1"))
    assert card is not None
    assert "pair_accuracy" in card.metrics
    assert len(set(OrmScorer(tmp_path / "seed-1").score(["p"] * 2, ["x = 1", "print(2)"]))) == 2


def test_a_killed_run_goes_on_and_ends_with_the_same_loss(
    script: Any, data: Path, trained: Path, tmp_path: Path
) -> None:
    changes = {"max_steps": 8, "per_device_train_batch_size": 4}
    words = [sys.executable, *command(data, tmp_path, **changes)]
    process = subprocess.Popen(words, cwd=ROOT, env=ENVIRONMENT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    whole = tmp_path / "seed-1" / "checkpoint-4" / "whole"
    deadline = time.monotonic() + 100
    while not whole.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert whole.exists()
    assert not (tmp_path / "seed-1" / "model.safetensors").exists(), "it ended before it was killed"
    script.main(settings(script, data, tmp_path, **changes))
    assert losses_of(tmp_path) == pytest.approx(losses_of(trained), abs=1e-6)


def test_checkpoints_of_other_data_are_not_gone_on_with(data: Path, tmp_path: Path, script: Any) -> None:
    changed = tmp_path / "data"
    changed.mkdir()
    lines = (data / "pairs.jsonl").read_text().splitlines()
    (changed / "pairs.jsonl").write_text("\n".join(lines[1:]) + "\n")
    script.main(settings(script, data, tmp_path / "run", max_steps=2))
    with pytest.raises(
        InputError, match=r"holds checkpoints of another run, which differs in data_sha256, max_length;"
    ):
        script.main(settings(script, changed, tmp_path / "run", max_length=400))


@pytest.mark.slow
def test_each_seed_has_its_own_run_in_wandb(data: Path, tmp_path: Path, script: Any, monkeypatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    script.main(settings(script, data, tmp_path, max_steps=1, seeds="[1, 2]", report_to="wandb"))
    assert len(list((tmp_path / "wandb").glob("offline-run-*"))) == 2


def test_the_first_layers_are_kept_with_their_kinds(script: Any, tmp_path: Path) -> None:
    from transformers import Qwen2Config

    Qwen2Config(num_hidden_layers=4, hidden_size=8, num_attention_heads=2, intermediate_size=8).save_pretrained(
        tmp_path
    )
    found = script._model_config(str(tmp_path), 2)
    assert (found.num_hidden_layers, len(found.layer_types), found.num_labels) == (2, 2, 1)
    for number in (0, 5):
        with pytest.raises(InputError, match=f"num_layers={number}; .* has 4, give 1 to that many"):
            script._model_config(str(tmp_path), number)


def test_two_processes_have_the_losses_of_one(data: Path, trained: Path, tmp_path: Path) -> None:
    words = [sys.executable, *LAUNCHER, *command(data, tmp_path, max_steps=8, per_device_train_batch_size=2)]
    finished = subprocess.run(words, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=110)
    assert finished.returncode == 0, finished.stderr
    assert losses_of(tmp_path) == pytest.approx(losses_of(trained), abs=1e-4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"held_out": "nothing.jsonl"}, "nothing.jsonl: no such file"),
        ({"seeds": "[]"}, "seeds is empty"),
        ({"template": "{prompt}"}, "has no {program}"),
        ({"model": "./nothing"}, "model='./nothing' cannot be loaded"),
    ],
)
def test_bad_input_is_one_line(data: Path, tmp_path: Path, script: Any, changes: dict[str, str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        script.main(settings(script, data, tmp_path, **changes))
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
