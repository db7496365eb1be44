"""The reward model that ships: small, says what it saw, needs no network, and beats chance on what it never saw."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from staged_reward.datasets import load_problems
from staged_reward.examples import CANDIDATES, PROBLEMS
from staged_reward.orm.card import SHIPPED, SHIPPED_FOLDER, OrmCard
from staged_reward.orm.evaluation import measure
from staged_reward.orm.groups import Counts, keep_usable, make_groups, read_outcomes
from staged_reward.orm.scorer import OrmScorer
from staged_reward.samples import read_samples


def test_it_is_small_and_whole() -> None:
    names = {path.name for path in SHIPPED_FOLDER.iterdir()}
    assert names == {"config.json", "model.safetensors", "orm.json", "tokenizer.json", "tokenizer_config.json"}
    assert sum(path.stat().st_size for path in SHIPPED_FOLDER.iterdir()) <= 12e6


def test_it_says_what_it_saw_and_how_it_was_made() -> None:
    card = OrmCard.of(str(SHIPPED_FOLDER))
    assert card is not None
    assert card.saw is not None
    assert "MBPP" in card.saw
    assert "Nothing of HumanEval" in card.saw
    assert card.normalisation == "black"
    assert all((card.loss, card.commit, card.data_sha256, card.base_model))
    assert 0.5 < card.metrics["pair_accuracy"] < 1


def test_it_ranks_the_examples_which_it_never_saw_better_than_chance() -> None:
    samples = read_samples(CANDIDATES, load_problems(PROBLEMS))
    groups = keep_usable(make_groups(samples, read_outcomes(CANDIDATES, samples), Counts()), Counts())
    scorer = OrmScorer(SHIPPED)
    scores = [scorer.score([g.prompt] * len(g.programs), [p.program for p in g.programs]) for g in groups]
    assert measure(groups, scores)["pair_accuracy"] > 0.5


def test_verify_takes_it_by_name_without_a_network(tmp_path: Path) -> None:
    samples = tmp_path / "samples.jsonl"
    rows = CANDIDATES.read_text().splitlines()[:16]
    samples.write_text("\n".join(rows) + "\n")
    command = [sys.executable, "-c", "from staged_reward.cli import main; main()"]
    words = ["verify", str(samples), "--problems", str(PROBLEMS), "--orm", SHIPPED, "--output", "out.jsonl"]
    environment = {**os.environ, "HTTPS_PROXY": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "1"}
    finished = subprocess.run(
        command + words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100
    )
    assert finished.returncode == 0, finished.stderr
    results = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    survivors = [row for row in results if row["passed"]]
    assert survivors
    assert all(isinstance(row["score"], float) and 0 < row["reward"] < 1 for row in survivors)
    assert all(row["reward"] == 0 for row in results if not row["passed"])


@pytest.mark.parametrize("name", [SHIPPED, str(SHIPPED_FOLDER), SHIPPED_FOLDER])
def test_its_name_is_its_folder(name: str | Path) -> None:
    assert OrmScorer(name).model == str(SHIPPED_FOLDER)
