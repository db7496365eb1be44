"""What goes wrong under a reward in a training: it costs time or a None, never a wrong reward, and never the step."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from staged_reward import InfraError, Problem, StagedReward, StagedVerifier
from staged_reward.budget import SiblingBudget
from staged_reward.ledger.book import LedgerReader
from staged_reward.ledger.ledger import Ledger
from staged_reward.limits import Limits
from staged_reward.problem import CallTest

ADD = "```python\ndef add(a, b):\n    return a + b\n```"
SUBTRACT = "```python\ndef add(a, b):\n    return a - b\n```"
HANGS = "```python\ndef add(a, b):\n    __import__('time').sleep(30)\n    return a + b\n```"
SLEEPS = "```python\ndef add(a, b):\n    __import__('time').sleep(0.4)\n    return a + b{}\n```"
PROBLEMS = [
    Problem(task_id=f"t{number}", prompt="Add.", entry_point="add", tests=(CallTest(args=(1, 2), expected=3),))
    for number in range(4)
]


@pytest.fixture
def verifier() -> Iterator[StagedVerifier]:
    with StagedVerifier(("syntax", "tests=1"), workers=2, limits=Limits(wall_seconds=40.0)) as verifier:
        yield verifier


def call(reward: StagedReward, completions: Sequence[str], **more: Any) -> tuple[list[float | None], dict[str, float]]:
    """Give completions to the four problems in turn."""
    metrics: dict[str, float] = {}
    ids = [PROBLEMS[index * 4 // len(completions)].task_id for index in range(len(completions))]
    rewards = reward(["Add."] * len(ids), completions, task_id=ids, log_metric=metrics.__setitem__, **more)
    return rewards, metrics


def test_killing_what_runs_programs_costs_time_and_no_reward(verifier: StagedVerifier) -> None:
    reward = StagedReward(verifier, problems=PROBLEMS)
    completions = [SLEEPS.format(f" + {number} - {number}") for number in range(8)]
    call(reward, [ADD] * 4)
    stop = threading.Event()

    def kill_servers() -> None:
        while not stop.wait(0.7):
            worker = psutil.Process(verifier._pool.pids()[0])
            for process in worker.children()[:1] or [worker]:  # its fork server
                process.kill()
            stop.wait(2.0)

    killer = threading.Thread(target=kill_servers)
    killer.start()
    rewards, metrics = call(reward, completions)
    stop.set()
    killer.join()
    assert rewards == [1.0] * 8
    assert metrics["staged_reward/infra_frac"] == 0.0


def test_a_program_that_hangs_in_every_group_holds_up_a_step_no_longer_than_the_deadline() -> None:
    verifier = StagedVerifier(
        ("syntax", "tests=1"),
        workers=2,
        limits=Limits(wall_seconds=40.0),
        budget=SiblingBudget(first_wall_seconds=0.5),
    )
    reward = StagedReward(verifier, problems=PROBLEMS, deadline_seconds=4.0)
    call(reward, [ADD] * 4)
    started = time.monotonic()
    rewards, metrics = call(reward, [ADD, SUBTRACT, ADD + "\n", HANGS] * 4)
    assert time.monotonic() - started < 4.0 + 2.0
    assert metrics["staged_reward/late_frac"] > 0
    assert metrics["staged_reward/infra_frac"] == 0.0
    for group in range(4):
        right, wrong, same, hanging = rewards[4 * group : 4 * group + 4]
        assert (right, wrong, same) == (1.0, 0.0, 1.0)
        assert hanging in (0.0, None)  # it ran out of its own time, or the call did
    assert call(reward, [ADD] * 4)[0] == [1.0] * 4
    reward.close()


class SlowScorer:
    """A reward model whose server does not answer for a while."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def score(self, prompts: Sequence[str], programs: Sequence[str]) -> list[float]:
        time.sleep(self.seconds)
        return [0.0] * len(programs)


def test_a_reward_model_that_does_not_answer_holds_up_a_step_no_longer_than_the_deadline() -> None:
    scorer = SlowScorer(0.0)
    with StagedVerifier(("syntax", "tests=1"), orm=scorer, workers=1) as verifier:
        call(StagedReward(verifier, problems=PROBLEMS), [ADD] * 4)  # the workers are there
        reward = StagedReward(verifier, problems=PROBLEMS, deadline_seconds=2.0)
        scorer.seconds = 5.0
        started = time.monotonic()
        rewards, metrics = call(reward, [ADD, SUBTRACT] * 4)
        assert time.monotonic() - started < 2.0 + 2.0
        assert rewards == [None, 0.0] * 4  # what failed needs no score
        assert metrics["staged_reward/late_frac"] == 0.5
        scorer.seconds = 0.0
        assert call(StagedReward(verifier, problems=PROBLEMS), [ADD] * 4)[0] == [0.75] * 4


class DyingScorer(SlowScorer):
    """A reward model whose server is given up on after a while."""

    def score(self, prompts: Sequence[str], programs: Sequence[str]) -> list[float]:
        time.sleep(self.seconds)
        raise InfraError("no answer in all that time")


def test_what_a_late_pass_of_the_reward_model_ran_into_is_raised_by_a_later_call() -> None:
    scorer = DyingScorer(4.0)
    with StagedVerifier(("syntax", "tests=1"), orm=scorer, workers=1) as verifier:
        StagedReward(verifier, problems=PROBLEMS)(["Add."], [SUBTRACT], task_id=["t0"])  # the workers are there
        reward = StagedReward(verifier, problems=PROBLEMS, deadline_seconds=1.5)
        assert call(reward, [ADD, SUBTRACT] * 4)[0] == [None, 0.0] * 4
        assert call(reward, [ADD, SUBTRACT] * 4)[0] == [None, 0.0] * 4  # it is still being tried, and no pass is added
        time.sleep(2.0)
        with pytest.raises(InfraError, match="no answer in all that time"):
            call(reward, [ADD, SUBTRACT] * 4)


class BrokenScorer:
    """A reward model whose server is gone."""

    def score(self, prompts: Sequence[str], programs: Sequence[str]) -> list[float]:
        raise InfraError("no answer")


def test_a_reward_model_that_is_gone_stops_the_training_and_gives_no_reward() -> None:
    with StagedVerifier(("syntax",), orm=BrokenScorer(), workers=1) as verifier:
        reward = StagedReward(verifier, problems=PROBLEMS)
        with pytest.raises(InfraError, match="no answer"):
            call(reward, [ADD] * 4)


@pytest.mark.skipif(os.getuid() != 0 or shutil.which("mount") is None, reason="it mounts a small disk")
def test_a_full_disk_is_a_fault_of_ours_and_gives_no_zero(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=1777", "tmpfs", str(disk)], check=False)
    if mounted.returncode:
        pytest.skip("mounting is not allowed here")
    monkeypatch.setenv("TMPDIR", str(disk))
    monkeypatch.setattr("tempfile.tempdir", str(disk))
    try:
        (disk / "filler").write_bytes(b"x" * 60_000)
        with StagedVerifier(("syntax", "tests=1"), workers=1) as verifier:
            reward = StagedReward(verifier, problems=PROBLEMS, max_infra_rate=1.0)
            try:
                rewards, _ = call(reward, [ADD, SUBTRACT] * 4)
            except InfraError:
                rewards = [None] * 8
            assert all(one in (expected, None) for one, expected in zip(rewards, [1.0, 0.0] * 4, strict=True))
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_call_is_written_down_and_audited(verifier: StagedVerifier, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    ledger.auditor.frac = 1.0
    reward = StagedReward(verifier, problems=PROBLEMS, ledger=ledger)
    _, metrics = call(reward, [ADD, SUBTRACT] * 4, completion_ids=[[1, 2, 3]] * 8)
    ledger.wait()
    assert metrics["staged_reward/tokens"] == 24
    assert metrics["staged_reward/dollars"] > 0
    found = ledger.metrics()
    assert found["total_programs"] == 8
    assert found["total_cpu_seconds"] == pytest.approx(metrics["staged_reward/cpu_seconds"])
    assert (found["audit/false_positive_rate"], found["audit/false_negative_rate"]) == (0.0, 0.0)
    assert (found["audit/top_accuracy"], found["audit/programs"]) == (1.0, 8.0)
    reward.close()
    reader = LedgerReader(tmp_path / "ledger")
    reader.read()
    assert reader.total.verdicts == {"passed": 4, "wrong_answer": 4}


def test_a_ledger_on_a_full_disk_costs_its_lines_only(verifier: StagedVerifier, tmp_path: Path) -> None:
    (tmp_path / "rank-0.jsonl").symlink_to("/dev/full")
    reward = StagedReward(verifier, problems=PROBLEMS, ledger=Ledger(tmp_path))
    with pytest.warns(UserWarning, match="its lines are lost"):
        assert call(reward, [ADD, SUBTRACT] * 4)[0] == [1.0, 0.0] * 4
    reward.close()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_thousand_calls_leave_memory_descriptors_and_processes_as_they_were(
    verifier: StagedVerifier, tmp_path: Path
) -> None:
    reward = StagedReward(verifier, problems=PROBLEMS, ledger=Ledger(tmp_path / "ledger"))
    own = psutil.Process()

    def state() -> tuple[int, int, int]:
        assert reward.ledger is not None
        reward.ledger.wait()
        time.sleep(1.0)  # what has just ended is gone
        return own.num_fds(), len(own.children(recursive=True)), threading.active_count()

    def memory() -> float:
        return sum(map(memory_of, [own, *own.children(recursive=True)])) / 2**20

    def memory_of(process: psutil.Process) -> float:
        try:
            return float(process.memory_full_info().pss)
        except psutil.NoSuchProcess:  # an audit's program, which has ended
            return 0.0

    memories = []
    for number in range(1000):
        extra = f"\n# {number}\nNUMBER = {number}\n```"
        completions = [text[:-3] + extra for text in (ADD, SUBTRACT, ADD, SUBTRACT)]
        assert call(reward, completions)[0] == [1.0, 0.0, 1.0, 0.0]
        if number == 199:
            ledger_warm = state()
        if number % 100 == 99:
            memories.append(memory())
    print("memory, MiB:", [round(value, 1) for value in memories])
    assert state() == ledger_warm
    assert max(memories[2:]) <= 1.05 * memories[1]
    reward.close()
