"""The ledger reaches people: the command that draws it, and wandb without a trainer."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from staged_reward import InputError
from staged_reward.cli import app
from staged_reward.ledger import metrics
from staged_reward.ledger.book import LedgerWriter
from staged_reward.ledger.entry import Entry, StageCost
from staged_reward.ledger.estimates import Audited
from staged_reward.ledger.figures import overview
from tests.test_reward import FakeVerifier
from tests.wandb_run import WandbRun

ROOT = Path(__file__).parent.parent
STAGES = ("extract", "syntax", "tests", "orm")


def write_ledger(folder: Path, num_steps: int) -> None:
    """Write what a training of two ranks might leave."""
    draw = random.Random(1)
    for rank in range(2):
        writer = LedgerWriter(folder, rank)
        writer.begin(STAGES, 2)
        for step in range(num_steps):
            kept = dict(zip(STAGES, (16, 14, 4 + step // 8, 4 + step // 8), strict=True))
            stages = {
                stage: StageCost(
                    num_in=16, num_kept=kept[stage], num_run=12, seconds=0.2, cpu_seconds=0.1 + 0.1 * index
                )
                for index, stage in enumerate(STAGES)
            }
            entry = Entry(num_calls=1, num_programs=16, num_survived=6, seconds=0.5, dollars=0.001, stages=stages)
            writer.add_call(step, entry)
            items = tuple(
                Audited(
                    task_id="t",
                    survived=draw.random() < 0.7,
                    is_top=draw.random() < 0.5,
                    passed=draw.random() < 0.5 + step / 100,
                    weight=draw.choice([1.0, 4.0]),
                    score=draw.gauss(0, 1),
                    chance=draw.random(),
                )
                for _ in range(2)
            )
            writer.add_audit(step, items, num_drawn=2, seconds=0.1, cpu_seconds=0.05)
        writer.close()


@pytest.mark.parametrize("is_run_dir", [True, False], ids=["run", "ledger"])
def test_a_run_is_drawn_offline(tmp_path: Path, is_run_dir: bool) -> None:
    write_ledger(tmp_path / "ledger", 30)
    target = tmp_path if is_run_dir else tmp_path / "ledger"
    done = CliRunner().invoke(app, ["ledger", str(target), "--output", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert "960 programs in 30 steps on 2 rank(s)" in done.output
    assert "false positive rate" in done.output
    for suffix in ("png", "svg"):
        assert (tmp_path / "out" / f"ledger.{suffix}").stat().st_size > 10_000


def test_the_picture_says_where_nothing_was_audited() -> None:
    from staged_reward.ledger.book import Step

    entry = Entry(num_calls=1, num_programs=4, seconds=1.0, stages={"tests": StageCost(num_kept=2, cpu_seconds=1.0)})
    figure = overview([Step(0, entry)], ("extract", "tests"), 50)
    labels = [text.get_text() for axes in figure.axes for text in axes.get_legend().get_texts()]
    assert sum(label.endswith("nothing audited") for label in labels) == 5


def test_a_folder_without_a_ledger_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["ledger", str(tmp_path)])
    assert isinstance(done.exception, InputError)
    assert "no ledger with calls in it" in str(done.exception)


LOGS_TO_WANDB = """
import sys
from pathlib import Path

import pytest
import wandb

from staged_reward import InputError, StagedReward
from tests.test_reward import NATIVE, FakeVerifier

folder = Path(sys.argv[1])
reward = StagedReward(FakeVerifier(), ledger=folder / "ledger", log_to="wandb")
reward.ledger.auditor.frac = 0.0  # the fake verifier's programs name verdicts
with pytest.raises(InputError, match="call wandb.init first"):
    reward(["Add."], ["v = 'passed'"], problem=[NATIVE])
run = wandb.init(mode="offline", dir=str(folder), project="test")
for completion in ("v = 'passed'", ""):
    reward(["Add."], [completion], problem=[NATIVE])
run.finish()
reward.ledger.close()
"""


def test_without_a_trainer_it_logs_to_the_open_run_of_wandb(tmp_path: Path) -> None:
    """In a process of its own: wandb leaves a service behind in one."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "WANDB_SILENT": "true"}
    command = [sys.executable, "-c", LOGS_TO_WANDB, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    rows = WandbRun(tmp_path).rows
    promised = {f"staged_reward/{name}" for name in metrics.names(FakeVerifier.stages)}
    assert len(rows) == 2
    assert all(promised <= set(row) for row in rows)
    assert rows[1]["staged_reward/total_programs"] == 3.0  # of the call that could not log, too
