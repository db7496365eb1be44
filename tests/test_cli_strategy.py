"""`verify --strategy`, `--order`, `--history` and `--cascade` as a user has them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from test_cli import ADD, RIGHT, WRONG, read, run, write

PROBLEMS = [ADD, ADD | {"task_id": "other"}]
SAMPLES = [
    {"task_id": "other", "solution": WRONG},
    {"task_id": "add", "solution": WRONG},
    {"task_id": "add", "solution": "def"},
    {"task_id": "other", "solution": "def add(a, b):\n    return a\n"},
    {"task_id": "add", "solution": RIGHT},
    {"task_id": "add", "solution": RIGHT + "# again\n"},
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "problems.jsonl", PROBLEMS)
    write(tmp_path / "samples.jsonl", SAMPLES)
    return tmp_path


@pytest.mark.parametrize("strategy", ["certified", "budget=9"])
def test_one_sample_per_problem_is_chosen(folder: Path, strategy: str) -> None:
    finished = run(folder, "verify", "samples.jsonl", "--problems", "problems.jsonl", "--strategy", strategy)
    assert finished.returncode == 0, finished.stderr
    rows = read(folder / "samples_results.jsonl")
    assert [row["task_id"] for row in rows] == [row["task_id"] for row in SAMPLES]
    chosen = [place for place, row in enumerate(rows) if row["chosen"]]
    assert len(chosen) == 2
    [right] = [place for place in chosen if rows[place]["passed"]]
    assert right in (4, 5)
    for task_id, num in (("add", 4), ("other", 2)):
        ranks = sorted(row["rank"] for row in rows if row["task_id"] == task_id)
        assert ranks == list(range(1, num + 1))
        assert [row["rank"] for row in rows if row["chosen"] and row["task_id"] == task_id] == [1]
    assert "2 problems have a choice" in finished.stdout
    assert "1 of these pass every test" in finished.stdout


def test_a_run_that_was_killed_after_a_problem_goes_on(folder: Path) -> None:
    """What it found of the first problem stays, and positions of the rest are those of the whole file."""
    command = [
        "verify",
        "samples.jsonl",
        "--problems",
        "problems.jsonl",
        "--strategy",
        "certified",
        "--output",
        "out.jsonl",
    ]
    code = (
        "import os\nfrom staged_reward.journal import Journal\nadd = Journal.add\n"
        "def killed(self, rows):\n    add(self, rows)\n    os._exit(9)\n"
        "Journal.add = killed\nfrom staged_reward.cli import main\nmain()"
    )
    killed = subprocess.run([sys.executable, "-c", code, *command], cwd=folder, capture_output=True, timeout=100)
    assert killed.returncode == 9
    finished = run(folder, *command, "--resume")
    assert finished.returncode == 0, finished.stderr
    rows = read(folder / "out.jsonl")
    assert [row["task_id"] for row in rows] == [row["task_id"] for row in SAMPLES]
    assert any(row["passed"] for row in rows[4:])
    assert not any(row["passed"] for row in rows[:4])
    assert sum(row["chosen"] for row in rows) == 2


def test_a_history_is_kept_from_run_to_run(folder: Path) -> None:
    command = ["verify", "samples.jsonl", "--problems", "problems.jsonl", "--full", "--filters", "syntax"]
    for _ in range(2):
        finished = run(folder, *command, "--order", "adaptive", "--history", "history.json")
        assert finished.returncode == 0, finished.stderr
    history = json.loads((folder / "history.json").read_text())
    assert [runs for runs, _, _ in history["tests"]["add"]] == pytest.approx([2, 4, 4], abs=4)
    assert sum(kills for _, kills, _ in history["tests"]["add"]) == 2
    assert [row["passed"] for row in read(folder / "samples_results.jsonl")] == [False] * 4 + [True] * 2


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--strategy", "certified", "--full"], "give one of them"),
        (["--strategy", "certifid"], "did you mean 'certified'"),
        (["--strategy", "budget=0"], "positive, finite number of CPU seconds"),
        (["--order", "fastest"], "order='fastest'"),
        (["--history", "history.json"], "--history is only used with --order adaptive"),
        (["--cascade", "x@4"], "beside --orm"),
        (["--orm", "default", "--cascade", "x"], "give PATH@TOP"),
    ],
)
def test_settings_that_do_not_fit_are_refused(folder: Path, more: list[str], message: str) -> None:
    finished = run(folder, "verify", "samples.jsonl", "--problems", "problems.jsonl", *more)
    assert finished.returncode == 2, finished.stderr
    assert message in finished.stderr
    assert not (folder / "samples_results.jsonl").exists()
