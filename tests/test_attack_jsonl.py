"""Attack programs from a file: every key, and every way in which a row cannot be used."""

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from staged_reward.attack.jsonl import load_trials, to_trial
from staged_reward.attack.trial import Harm, Must
from staged_reward.errors import InputError
from staged_reward.problem import CallTest, StdioTest

ROW: dict[str, Any] = {
    "name": "a",
    "category": "tamper",
    "kind": "call",
    "problem": {"entry_point": "f", "prompt": "p", "tests": [{"args": [1, 2], "expected": 3}]},
    "program": "def f(a, b): return 0",
    "must": "fail",
    "why": "w",
    "harm": {"type": "canary_file_absent", "path": "x"},
    "pair": {
        "kind": "stdio",
        "problem": {"entry_point": "", "prompt": "", "tests": [{"stdin": "1", "stdout": "2"}]},
        "program": "print(2)",
        "must": "pass",
    },
    "tolerance": None,
}


def test_row_becomes_a_trial() -> None:
    trial = to_trial(ROW)
    assert (trial.name, trial.must, trial.problem.tests) == ("a", Must.FAIL, (CallTest((1, 2), expected=3),))
    assert trial.harms == (Harm("canary_file_absent", {"path": "x"}),)
    assert trial.pair is not None
    assert trial.pair.problem.tests == (StdioTest("1", "2"),)


@pytest.mark.parametrize(
    ("harm", "count"), [(None, 0), ([], 0), ({"type": "canary_intact"}, 1), ([{"type": "canary_intact"}] * 2, 2)]
)
def test_harm_is_nothing_one_or_several(harm: Any, count: int) -> None:
    assert len(to_trial(ROW | {"harm": harm}).harms) == count


def test_optional_keys_may_be_missing() -> None:
    trial = to_trial({key: ROW[key] for key in ("name", "category", "kind", "problem", "program", "must")})
    assert (trial.harms, trial.pair, trial.why) == ((), None, "")


def test_assert_tests_are_source() -> None:
    trial = to_trial(ROW | {"kind": "assert", "problem": {"entry_point": "f", "tests": ["assert f(1, 2) == 3"]}})
    assert trial.problem.tests == (CallTest((1, 2), expected=3, check="result == expected"),)


def test_bytes_that_are_no_text_stay_what_they_are() -> None:
    row = ROW | {"program_b64": base64.b64encode(b"x = '\xff'").decode()}
    assert to_trial(row).program.encode("utf-8", "surrogateescape") == b"x = '\xff'"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "cal"}, "did you mean 'call'"),
        ({"must": "fall"}, "did you mean 'fail'"),
        ({"category": "tampering"}, "did you mean 'tamper'"),
        ({"harm": {"type": "canary_in_tact"}}, "did you mean 'canary_intact'"),
        ({"harm": {"type": "no_key"}}, "needs 'name'"),
        ({"harm": "canary_intact"}, "give an object with a type"),
        ({"extra": 1}, "unknown key 'extra'"),
        ({"program": None}, "key 'program'"),
        ({"program_b64": "%"}, "not base64"),
        ({"problem": {"entry_point": "f", "tests": [1]}}, "give an object"),
        ({"problem": {"entry_point": "f", "tests": []}}, "at least one test"),
        ({"pair": {"kind": "call"}}, "'problem' is missing"),
        ({"pair": {"kind": "call", "name": "x"}}, "unknown key 'pair.name'"),
    ],
)
def test_wrong_row_is_an_error_that_names_the_remedy(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        to_trial(ROW | change)


def test_error_names_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "more.jsonl"
    path.write_text(json.dumps(ROW) + "\n" + json.dumps(ROW | {"kind": "x"}) + "\n")
    with pytest.raises(InputError, match=r"more\.jsonl:2: key 'kind'"):
        load_trials(path)


def test_file_may_be_compressed(tmp_path: Path) -> None:
    path = tmp_path / "more.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(ROW).encode()))
    assert [trial.name for trial in load_trials(path)] == ["a"]
