"""Samples files in, result rows out."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from staged_reward.errors import InputError
from staged_reward.problem import Judgement, Problem, StageResult, Verdict
from staged_reward.samples import Sample, read_samples, result_row

PROMPT = 'def add(a, b):\n    """Add."""\n'
PROBLEMS = [Problem(task_id="add", prompt=PROMPT, entry_point="add"), Problem(task_id="11", entry_point="f")]
CONTRACT = {
    *("task_id", "sample", "verdict", "stage", "passed", "tests_passed", "tests_run", "score", "reward"),
    *("seconds", "cpu_seconds", "detail"),
}


def read(tmp_path: Path, *rows: object) -> list[Sample]:
    path = tmp_path / "samples.jsonl"
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), "utf-8")
    return read_samples(path, PROBLEMS)


def test_a_solution_is_the_program_as_it_stands(tmp_path: Path) -> None:
    source = "\ufeff# comment\r\nx = '\ud800'\0"
    (sample,) = read(tmp_path, {"task_id": "add", "solution": source})
    assert sample.program == source
    assert sample.problem is PROBLEMS[0]


def test_a_completion_continues_the_prompt_or_is_a_chat_answer(tmp_path: Path) -> None:
    answer = "Sure!\n```python\ndef add(a, b):\n    return a + b\n```"
    chat = [{"role": "assistant", "content": answer}]
    rows = [{"task_id": "add", "completion": text} for text in ("    return a + b\n", answer, chat)]
    programs = [sample.program for sample in read(tmp_path, *rows)]
    assert programs[0] == PROMPT + "    return a + b\n"
    assert programs[1] == programs[2] == "def add(a, b):\n    return a + b\n"


@pytest.mark.parametrize("row", [{"solution": " \n"}, {"completion": ""}, {"completion": "I do not know."}])
def test_no_code_is_none(tmp_path: Path, row: dict[str, Any]) -> None:
    (sample,) = read(tmp_path, {"task_id": "add", **row})
    assert sample.program is None


def test_samples_are_numbered_within_their_task(tmp_path: Path) -> None:
    names = ["add", 11, "add", "add", 11]
    samples = read(tmp_path, *({"task_id": name, "solution": "x"} for name in names))
    assert [sample.number for sample in samples] == [0, 0, 1, 2, 1]
    (sample,) = read(tmp_path, {"task_id": "add", "solution": "x", "sample": 42})
    assert sample.number == 42


def test_integers_name_tasks_and_are_kept_as_integers(tmp_path: Path) -> None:
    (sample,) = read(tmp_path, {"task_id": 11, "solution": "x"})
    assert sample.task_id == 11
    assert sample.problem is PROBLEMS[1]


def test_compressed_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"task_id": "add", "solution": "x"}\n\n'))
    assert len(read_samples(path, PROBLEMS)) == 1


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("{", "invalid JSON at column 2"),
        ("[1", "invalid JSON"),
        ("7", "the row is 7; give a JSON object"),
        ({"solution": "x"}, "key 'task_id' is missing from the keys ['solution']"),
        ({"task_id": None, "solution": "x"}, "key 'task_id' is None; give a string or an integer"),
        ({"task_id": True, "solution": "x"}, "key 'task_id' is True"),
        ({"task_id": "ad", "solution": "x"}, "is 'ad', which is not among the 2 problems; did you mean 'add'?"),
        ({"task_id": 12, "solution": "x"}, "key 'task_id' is 12, which is not among the 2 problems"),
        ({"task_id": "add"}, "give exactly one of the keys 'solution' (a whole program) and 'completion'"),
        ({"task_id": "add", "solution": "x", "completion": "y"}, "give exactly one of the keys"),
        ({"task_id": "add", "solution": ["x"]}, "key 'solution' is ['x']; give the program as a string"),
        ({"task_id": "add", "completion": 5}, "key 'completion' is 5; give text, or a list of chat messages"),
        ({"task_id": "add", "completion": {"a": 1}}, "key 'completion' is {'a': 1}; give text"),
        ({"task_id": "add", "completion": ["x"]}, "key 'completion' is ['x']; give text"),
        ({"task_id": "add", "solution": "x", "sample": -1}, "key 'sample' is -1; give a number from 0"),
        ({"task_id": "add", "solution": "x", "sample": "a"}, "key 'sample' is 'a'"),
    ],
)  # fmt: skip
def test_a_bad_row_is_named_by_file_line_and_key(tmp_path: Path, row: object, message: str) -> None:
    good = {"task_id": "add", "solution": "x"}
    with pytest.raises(InputError) as caught:
        read(tmp_path, good, good, row)
    assert str(caught.value).startswith(f"{tmp_path / 'samples.jsonl'}:3: ")
    assert message in str(caught.value)


def judgement(**changes: Any) -> Judgement:
    stages = (StageResult(stage="tests", verdict=Verdict.PASSED, seconds=1.5, cpu_seconds=0.25),)
    values: dict[str, Any] = {"verdict": Verdict.PASSED, "stage": "tests", "passed": True, "stages": stages}
    return Judgement(task_id="add", **values | changes)


def test_a_result_row_has_the_keys_of_the_contract_and_carries_extra_keys() -> None:
    sample = Sample(PROBLEMS[1], 11, 3, "x", {"note": {"a": [1]}, "passed": "theirs"})
    row = json.loads(json.dumps(result_row(sample, judgement(tests_passed=1, tests_run=1, reward=1.0))))
    assert set(row) >= CONTRACT | {"note"}
    assert (row["task_id"], row["sample"], row["verdict"], row["passed"]) == (11, 3, "passed", True)
    assert (row["seconds"], row["cpu_seconds"], row["note"]) == (1.5, 0.25, {"a": [1]})


def test_the_limit_that_applied_is_the_last_ones() -> None:
    limits = {"lint": None, "tests": 0.1, "full": 1 / 3, "orm": None}
    stages = tuple(StageResult(stage=s, verdict=Verdict.PASSED, limit_seconds=limit) for s, limit in limits.items())
    sample = Sample(PROBLEMS[0], "add", 0, "x", {})
    assert result_row(sample, judgement(stages=stages))["limit_seconds"] == 0.333333
    assert result_row(sample, judgement(stages=stages[:1]))["limit_seconds"] is None


def test_a_copy_costs_nothing() -> None:
    row = result_row(Sample(PROBLEMS[0], "add", 0, "x", {}), judgement(is_copy=True, count=2))
    assert (row["seconds"], row["cpu_seconds"], row["count"]) == (0.0, 0.0, 2)
