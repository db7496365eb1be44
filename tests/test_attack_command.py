"""`doctor --attack`: what it prints, and how it says whether the sandbox held."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from staged_reward.attack import command
from staged_reward.attack.command import run_attack
from staged_reward.attack.corpus import attacks, honest_programs
from staged_reward.attack.trial import Trial
from staged_reward.cli import app
from staged_reward.errors import InputError

HONEST_ROW = {
    "name": "extra",
    "category": "tamper",
    "kind": "call",
    "problem": {"entry_point": "f", "tests": [{"args": [2], "expected": 4}]},
    "program": "def f(n):\n    return n * n\n",
    "must": "fail",
    "why": "it is right, and should not be",
}


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    by_name = {trial.name: trial for trial in attacks() + honest_programs()}

    def chosen(*names: str) -> list[Trial]:
        return [by_name[name] for name in names]

    monkeypatch.setattr(command, "attacks", lambda: chosen("hard_exit_in_call", "error_group"))
    monkeypatch.setattr(command, "honest_programs", lambda: chosen("memo"))


@pytest.mark.usefixtures("few")
def test_table_has_a_row_per_category_and_nothing_else_when_all_held() -> None:
    out = io.StringIO()
    assert run_attack(Console(file=out, width=120))
    lines = [line.split() for line in out.getvalue().splitlines() if line.strip()]
    assert [line[:3] for line in lines[2:]] == [
        ["forge_pass", "1", "1"],
        ["crash", "1", "1"],
        ["honest", "1", "1"],
        ["all", "3", "3"],
    ]


@pytest.mark.usefixtures("few")
def test_more_programs_come_from_a_file_and_a_finding_is_a_line(tmp_path: Path) -> None:
    path = tmp_path / "more.jsonl"
    path.write_text(json.dumps(HONEST_ROW) + "\n")
    out = io.StringIO()
    assert not run_attack(Console(file=out, width=120), path)
    assert "tamper/extra: scored: it was graded as right (it is right, and should not be)" in out.getvalue()


def test_file_that_cannot_be_read_is_an_error_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        run_attack(Console(file=io.StringIO()), tmp_path / "none.jsonl")


@pytest.mark.parametrize(("holds", "code"), [(True, 0), (False, 1)])
@pytest.mark.parametrize("options", [["--attack"], ["--corpus", "more.jsonl"]])
def test_exit_code_of_doctor_says_whether_the_sandbox_held(
    monkeypatch: pytest.MonkeyPatch, options: list[str], holds: bool, code: int
) -> None:
    monkeypatch.setattr(sys.modules["staged_reward.cli.doctor"], "run_attack", lambda console, corpus: holds)
    assert CliRunner().invoke(app, ["doctor", *options]).exit_code == code
