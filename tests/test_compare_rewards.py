"""The easy problems, and the comparison of rewards on them with a tiny model."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from staged_reward import StagedVerifier, load_problems
from staged_reward.examples.easy import easy_problems, write_easy_problems

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def script() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "train"))
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield importlib.import_module("compare_rewards")


def test_every_solution_passes_its_suite_and_goes_on_its_prompt(tmp_path: Path) -> None:
    problems = [problem for path in write_easy_problems(tmp_path, 5, seed=1) for problem in load_problems(path)]
    assert len(problems) == 42
    assert len({problem.task_id for problem in problems}) == 42
    completions = [(problem.solution or "").rpartition("    return")[2] for problem in problems]
    with StagedVerifier(("syntax",), full=True, workers=2) as verifier:
        assert {j.verdict for j in verifier.verify_completions(problems, completions)} == {"passed"}


def test_which_problems_are_held_out_depends_on_the_seed_and_tests_grow() -> None:
    train, held_out = easy_problems(6, 1)
    assert (len(train), len(held_out)) == (28, 14)
    assert {row["task_id"] for row in held_out} != {row["task_id"] for row in easy_problems(6, 2)[1]}
    assert easy_problems(6, 1) == (train, held_out)
    for row in train:
        sizes = [len(test["args"][0]) for test in row["tests"]]
        assert sizes[0] <= 2 < sizes[-1]


@pytest.mark.parametrize("reward", ["staged", pytest.param("ungated", marks=pytest.mark.slow)])
def test_a_policy_is_trained_and_its_curve_drawn(script: Any, tmp_path: Path, reward: str) -> None:
    script.main(
        script.Settings(
            output_dir=str(tmp_path),
            reward=reward,
            model="tiny",
            num_tests=2,
            max_steps=2,
            eval_steps=2,
            eval_samples=2,
            groups_per_step=1,
            num_generations=2,
            max_completion_length=4,
            lora_rank=2,
        )
    )
    rows = [json.loads(line) for line in (tmp_path / f"{reward}-1" / "curve.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "held_out" in row] == [0, 2]
    assert all(len(row["held_out"]) == 14 for row in rows if "held_out" in row)
    costs = [row["logs"]["staged_reward/cpu_seconds"] for row in rows if "logs" in row]
    assert len(costs) == 2
    assert all(cost >= 0 for cost in costs)
    script.draw(tmp_path)
    assert (tmp_path / "curves.png").stat().st_size > 5000
