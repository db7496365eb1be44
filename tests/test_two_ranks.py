"""Ranks whose completions fare differently log the same names and wait for nobody."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from staged_reward.ledger.book import LedgerReader

ROOT = Path(__file__).parent.parent
NUM_STEPS = 200


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_ranks_with_uneven_verdicts_log_the_same_names_for_200_steps(tmp_path: Path) -> None:
    launcher = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", "configs/accelerate/two_cpu.yaml"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)}
    command = [*launcher, "tests/two_ranks.py", str(tmp_path), str(NUM_STEPS)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=800, check=False)
    assert done.returncode == 0, done.stderr[-9000:]
    names = [
        [json.loads(line) for line in (tmp_path / f"names-{rank}.jsonl").read_text().splitlines()] for rank in range(2)
    ]
    assert [len(calls) for calls in names] == [NUM_STEPS, NUM_STEPS]
    assert {tuple(call) for calls in names for call in calls} == {tuple(names[0][0])}
    reader = LedgerReader(tmp_path / "ledger")
    reader.read()
    assert [step.entry.num_calls for step in reader.last_steps()] == [2] * NUM_STEPS
    log = json.loads((tmp_path / "trainer_state.json").read_text())["log_history"]
    steps = [entry for entry in log if "loss" in entry]
    assert steps[-1]["staged_reward/total_programs"] == reader.total.num_programs == 4.0 * NUM_STEPS
