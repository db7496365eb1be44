"""Every YAML under configs/ is a command that its script accepts."""

from __future__ import annotations

import importlib
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from staged_reward.config import config_from_command_line, load_config
from staged_reward.errors import InputError

ROOT = Path(__file__).parent.parent
CONFIGS = sorted(
    path.relative_to(ROOT)
    for folder in ("candidates", "compare", "grpo", "orm", "orm_data")
    for path in (ROOT / "configs" / folder).glob("*.yaml")
)


@pytest.fixture(autouse=True)
def _in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "train"))
    monkeypatch.chdir(ROOT)


def command_of(config: Path) -> list[str]:
    """Return the command on the first line of a YAML file."""
    first_line = config.read_text(encoding="utf-8").splitlines()[0]
    assert first_line.startswith("# "), f"{config}: the first line must be the command that runs it"
    return shlex.split(first_line[2:])


def settings_of(script: str) -> Any:
    assert Path(script).is_file(), script
    return importlib.import_module(Path(script).stem).Settings


def test_there_are_configs() -> None:
    assert Path("configs/grpo/smoke.yaml") in CONFIGS


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_the_first_line_is_a_command_that_loads_the_file(config: Path) -> None:
    python, script, *arguments = command_of(config)
    assert python == "python"
    assert arguments[:2] == ["--config", str(config)]
    settings = settings_of(script)
    assert isinstance(config_from_command_line(settings, None, arguments), settings)


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_an_unknown_key_is_an_error_with_the_nearest_valid_key(config: Path, tmp_path: Path) -> None:
    text = (ROOT / config).read_text(encoding="utf-8")
    path = tmp_path / "changed.yaml"
    path.write_text(f"{text}output_dirr: x\n", encoding="utf-8")
    line = len(text.splitlines()) + 1
    with pytest.raises(InputError) as caught:
        load_config(path, settings_of(command_of(config)[1]))
    assert str(caught.value) == f"{path}:{line}: unknown key 'output_dirr'; did you mean 'output_dir'?"


@pytest.mark.parametrize(
    "override",
    ["workers=0", "num_generations=1", "learning_rate=-1.0", "max_steps=-2", "num_problems=0", "beta=-0.1"],
)
def test_a_number_out_of_range_is_refused_by_name(override: str) -> None:
    key, _, value = override.partition("=")
    with pytest.raises(InputError, match=f"{key}={value}; give|{key}={value}; a group"):
        load_config("configs/grpo/smoke.yaml", settings_of("train/train_grpo.py"), (override,))


def test_accelerate_configs_name_a_command_and_start_the_processes_that_they_say() -> None:
    config = yaml.safe_load(Path("configs/accelerate/two_cpu.yaml").read_text(encoding="utf-8"))
    assert config["num_processes"] == 2
    assert config["distributed_type"] == "MULTI_GPU"  # accelerate starts one process for MULTI_CPU
    assert command_of(Path("configs/accelerate/two_cpu.yaml"))[:3] == [
        "accelerate",
        "launch",
        "--config_file",
    ]


def test_groups_that_are_split_over_processes_have_no_scale_of_their_own() -> None:
    settings = settings_of("train/train_grpo.py")
    arguments = ["--config", "configs/grpo/smoke.yaml", "num_generations=4", "reward_scale=group"]
    with pytest.raises(InputError, match="groups would be split over processes"):
        replace(config_from_command_line(settings, None, arguments[:2]), num_generations=4, reward_scale="group")
    assert config_from_command_line(settings, None, [*arguments, "gradient_accumulation_steps=2"])
