"""`staged-reward best-of-n` against a server without a model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from staged_reward import InfraError, InputError
from staged_reward.cli import app
from tests.fake_openai_server import Server

PROBLEM = {
    "task_id": "add",
    "prompt": "Add two numbers.",
    "entry_point": "add",
    "tests": [{"type": "call", "args": [1, 2], "expected": 3}, {"type": "call", "args": [2, 2], "expected": 4}],
}
PROGRAMS = ("a - b", "3", "a + b", "b + a")


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    running.text = lambda seed: ["```python\ndef add(a, b):\n", f"    return {PROGRAMS[seed % 4]}\n", "```"]
    yield running
    running.close()


@pytest.fixture
def problems(tmp_path: Path) -> Path:
    path = tmp_path / "problems.jsonl"
    path.write_text("".join(json.dumps({**PROBLEM, "task_id": name}) + "\n" for name in ("one", "two", "three")))
    return path


def invoke(server: Server, *arguments: str, stdin: str | None = None) -> str:
    command = ["best-of-n", *arguments, "--engine", "server", "--url", server.url, "-n", "4", "--workers", "1"]
    done = CliRunner().invoke(app, command, input=stdin)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def test_one_problem_of_a_file_is_answered_on_standard_output(server: Server, problems: Path) -> None:
    assert invoke(server, str(problems), "--task-id", "two") == "def add(a, b):\n    return a + b\n"


@pytest.mark.parametrize("stdin", [json.dumps(PROBLEM), "Write a function add(a, b)."], ids=["a row", "a text"])
def test_standard_input_holds_a_row_or_a_text(server: Server, stdin: str) -> None:
    printed = invoke(server, "-", stdin=stdin)
    assert printed.startswith("def add(a, b):\n")
    assert ("a + b" in printed) == stdin.startswith("{")  # a text has no tests


def test_a_data_set_is_answered_as_evalplus_reads_it(server: Server, problems: Path, tmp_path: Path) -> None:
    output = tmp_path / "answers.jsonl"
    printed = invoke(server, str(problems), "--output", str(output))
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert [row["task_id"] for row in rows] == ["one", "two", "three"]
    assert {row["solution"] for row in rows} == {"def add(a, b):\n    return a + b\n"}
    assert {(row["certified"], row["num_tests"], row["sample"]) for row in rows} == {(True, 2, 2)}
    assert "3 certified" in printed


def test_an_interrupted_run_keeps_what_is_done_and_goes_on(server: Server, problems: Path, tmp_path: Path) -> None:
    output = tmp_path / "answers.jsonl"
    text, num_asked = server.text, [0]

    def fails_later(seed: int) -> list[str]:
        num_asked[0] += 1
        if num_asked[0] > 4:
            server.status = 400
        return list(text(seed))

    server.text = fails_later
    with pytest.raises(InputError, match="refused the request"):
        invoke(server, str(problems), "--output", str(output), "--at-once", "1", "--samples-at-once", "1")
    partial = output.with_name("answers.jsonl.partial")
    assert len(partial.read_text().splitlines()) >= 2  # the settings, and an answer at least
    server.text, server.status = text, 200
    invoke(server, str(problems), "--output", str(output), "--resume", "--at-once", "1", "--samples-at-once", "1")
    assert [json.loads(line)["task_id"] for line in output.read_text().splitlines()] == ["one", "two", "three"]
    assert not partial.exists()


def test_what_cannot_be_done_is_said(server: Server, problems: Path) -> None:
    for arguments, message in (
        (("nothing.jsonl",), "no such file"),
        ((str(problems),), "3 problems: give --output FILE"),
        ((str(problems), "--task-id", "four"), "has no problem 'four'"),
        ((str(problems), "--task-id", "one", "--strategy", "orm"), "needs a reward model"),
        ((str(problems), "--task-id", "one", "--style", "caht"), "prompt style 'caht'"),
    ):
        with pytest.raises(InputError, match=message):
            invoke(server, *arguments)
    with pytest.raises(InputError, match="standard input is empty"):
        invoke(server, "-", stdin=" \n")
    server.close()
    with pytest.raises(InfraError, match="does not answer"):
        invoke(server, str(problems), "--task-id", "one")
