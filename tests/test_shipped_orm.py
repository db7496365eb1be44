"""The reward model that ships: small, says what it saw, needs no network, and sees broken programs."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from staged_reward import StagedReward, StagedVerifier
from staged_reward.datasets import load_problems
from staged_reward.examples import CANDIDATES, PROBLEMS
from staged_reward.mutation import sample_mutants
from staged_reward.normalise import black_format
from staged_reward.orm.card import SHIPPED, SHIPPED_FOLDER, OrmCard
from staged_reward.orm.scorer import OrmScorer
from staged_reward.problem import CallTest, Problem


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


def test_it_ranks_broken_programs_below_whole_ones_on_problems_that_it_never_saw() -> None:
    """HumanEval's solutions against themselves with a statement less, an early return, a condition the other way round."""
    pairs = [
        (problem.prompt, black_format(problem.solution), black_format(mutant.source))
        for problem in load_problems("humaneval")[:40]
        for mutant in sample_mutants(problem.solution or "", 40, 1)
        if mutant.operator in ("dropped_statement", "early_return", "negated_condition", "modulo_division")
    ]
    assert len(pairs) > 90
    prompts = [prompt for prompt, _, _ in pairs]
    scorer = OrmScorer(SHIPPED)
    whole, broken = scorer.score(prompts, [p[1] for p in pairs]), scorer.score(prompts, [p[2] for p in pairs])
    assert sum(good > bad for good, bad in zip(whole, broken, strict=True)) / len(pairs) > 0.7


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


PROBLEM = Problem(
    task_id="add",
    prompt='def add(a, b):\n    """Return the sum of a and b, whichever numbers they are; texts one after the other."""\n',
    entry_point="add",
    tests=(CallTest((1, 2), expected=3),),
)


def rewarded(reward: StagedReward, *bodies: str) -> dict[str, float]:
    """Reward completions, and return what the trainer's hook got."""
    logged: dict[str, float] = {}
    programs = [f"{PROBLEM.prompt}    {body}\n" for body in bodies]
    names = [PROBLEM.task_id] * len(programs)
    reward([PROBLEM.prompt] * len(programs), programs, task_id=names, log_metric=logged.__setitem__)
    return {name.removeprefix("staged_reward/"): value for name, value in logged.items()}


def test_a_ledger_says_what_the_reward_model_computed(tmp_path: Path) -> None:
    with StagedVerifier(("syntax", "tests=1"), orm=SHIPPED, workers=1) as verifier:
        reward = StagedReward(verifier, problems=[PROBLEM], ledger=tmp_path)
        first = rewarded(reward, "return a + b", "return b + a", "return a - b")
        second = rewarded(reward, "c = a + b; return c")
        none = rewarded(reward, "return a * b * 7")
        reward.ledger.wait()
        copied = pickle.loads(pickle.dumps(reward))
        cost = verifier.scorer.cost
        total = reward.ledger.metrics()
        reward.close()
        assert rewarded(copied, "return a + b")["orm_computed_tokens"] > 0
        copied.close()
    assert first["orm_computed_tokens"] == first["orm_distinct_prefixes"] > 0 == first["orm_reused_tokens"]
    assert second["orm_reused_tokens"] > 0
    assert second["orm_reused_tokens"] + second["orm_computed_tokens"] == second["orm_distinct_prefixes"]
    assert [value for name, value in none.items() if name.startswith("orm_")] == [0.0] * 5
    assert first["orm_computed_tokens"] + second["orm_computed_tokens"] == cost.computed
    assert total["total_orm_flops"] == pytest.approx(cost.flops)
    assert total["orm_utilisation"] == pytest.approx(cost.utilisation)
    assert 0 < cost.utilisation < 1.5  # a small machine's matrix product is measured within some noise
    assert all(set(names) == set(first) for names in (second, none))
