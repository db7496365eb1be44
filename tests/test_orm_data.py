"""Labelled samples → groups, pairs and near misses: the paper's rules, each with what it drops."""

from __future__ import annotations

import importlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from staged_reward.errors import InputError
from staged_reward.examples import CANDIDATES, PROBLEMS
from staged_reward.orm.groups import (
    Counts,
    Group,
    LabelledProgram,
    keep_usable,
    make_groups,
    read_groups,
    read_outcomes,
    write_groups,
)
from staged_reward.orm.near_miss import add_near_misses
from staged_reward.orm.pairs import draw_pairs
from staged_reward.problem import CallTest, Problem
from staged_reward.samples import Sample
from staged_reward.verifier import StagedVerifier

ADD = Problem(
    task_id="add",
    prompt="Add.",
    entry_point="f",
    tests=tuple(CallTest((a, b), expected=a + b) for a in range(3) for b in range(3)),
    solution="def f(a, b):\n    return a + b\n",
)


def samples_of(*programs: str | None) -> list[Sample]:
    return [Sample(ADD, "add", number, program, {}) for number, program in enumerate(programs)]


def group_of(num_correct: int, num_incorrect: int, task_id: str = "t") -> Group:
    programs = [LabelledProgram(f"right = {i}", True) for i in range(num_correct)]
    return Group(task_id, "p", programs + [LabelledProgram(f"wrong = {i}", False) for i in range(num_incorrect)])


def test_programs_are_formatted_and_what_cannot_be_used_is_dropped_and_counted() -> None:
    counts = Counts()
    samples = samples_of("def f(a,b):return a+b", "def f(a, b):\n    return a + b", "x = 'a", None, "x = 1", "x = 2")
    groups = make_groups(samples, [True, True, False, False, None, False], counts)
    assert [tuple(item) for item in groups[0].programs] == [
        ("def f(a, b):\n    return a + b\n", True, "sample"),
        ("x = 2\n", False, "sample"),
    ]
    keep_usable(groups, counts)
    found = {name: value for name, value in counts.as_dict().items() if value}
    assert found == {
        "problems": 1, "problems_kept": 1, "samples": 6, "no_code": 1, "syntax_errors": 1, "not_judged": 1, "copies": 1,
        "programs": 2, "passed": 1,
    }  # fmt: skip


def test_problems_of_one_kind_are_dropped_and_none_left_is_an_error() -> None:
    both, right, wrong = group_of(1, 1), group_of(2, 0), group_of(0, 2)
    assert keep_usable([right, both, wrong], Counts(problems=3)) == [both]
    with pytest.raises(InputError, match="none of 2 problems has a correct and an incorrect program; sample more"):
        keep_usable([right, wrong], Counts(problems=2))


def test_solutions_make_unsolved_problems_usable() -> None:
    counts = Counts()
    samples = samples_of("x = 1")
    unsampled = replace(ADD, task_id="no sample")
    groups = make_groups(samples, [False], counts, solved=[ADD, unsampled])
    assert [[item.origin for item in group.programs] for group in groups] == [["solution", "sample"], ["solution"]]
    assert [group.task_id for group in keep_usable(groups, counts)] == [ADD.task_id]
    assert (counts.problems, counts.problems_kept, counts.samples) == (2, 1, 1)


@pytest.mark.parametrize(("num_correct", "num_incorrect", "expected"), [(20, 20, 6), (2, 20, 2), (20, 1, 1)])
def test_at_most_six_pairs_of_twelve_programs(num_correct: int, num_incorrect: int, expected: int) -> None:
    pairs = list(draw_pairs([group_of(num_correct, num_incorrect)], seed=1))
    assert len(pairs) == expected
    assert len({pair.chosen for pair in pairs} | {pair.rejected for pair in pairs}) == 2 * expected
    assert all(pair.chosen.startswith("right") and pair.rejected.startswith("wrong") for pair in pairs)


def test_programs_may_be_in_several_pairs_on_request() -> None:
    pairs = list(draw_pairs([group_of(1, 20)], seed=1, is_reusing=True))
    assert len({pair.rejected for pair in pairs}) == len(pairs) == 6


def test_pairs_of_a_problem_depend_on_seed_and_problem_alone() -> None:
    alone = list(draw_pairs([group_of(9, 9, "b")], seed=1))
    beside = [p for p in draw_pairs([group_of(9, 9, "a"), group_of(9, 9, "b")], seed=1) if p.task_id == "b"]
    assert alone == beside
    assert alone != list(draw_pairs([group_of(9, 9, "b")], seed=2))


def test_near_misses_fail_and_name_their_operator() -> None:
    groups = make_groups(samples_of(ADD.solution), [True], Counts())
    with StagedVerifier(filters=(), full=True, workers=1) as verifier:
        add_near_misses(groups, {"add": ADD}, verifier, num_per_problem=6, seed=1)
        wrong = groups[0].incorrect
        judgements = verifier.verify([ADD] * len(wrong), [item.program for item in wrong])
    assert wrong
    assert not any(judgement.passed for judgement in judgements)
    assert all(item.origin.startswith("mutant:") for item in wrong)
    assert all(item.program != ADD.solution for item in wrong)


def test_groups_come_back_as_they_were_written(tmp_path: Path) -> None:
    groups = [group_of(2, 3, "é"), group_of(1, 1)]
    write_groups(tmp_path / "groups.jsonl", groups)
    assert read_groups(tmp_path / "groups.jsonl") == groups


def results(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "no rows"),
        ([{"task_id": "add", "passed": True}], "1 results for 2 samples"),
        ([{"task_id": "add", "passed": True}, {"task_id": "sub", "passed": True}], ":2: key 'task_id' is 'sub'"),
        ([{"task_id": "add", "passed": None}] * 2, ":1: key 'passed' is null: the full suite did not run"),
        ([{"task_id": "add"}] * 2, ":1: neither 'passed' nor 'label' is there"),
    ],
)
def test_results_of_another_file_are_refused(tmp_path: Path, rows: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_outcomes(results(tmp_path / "r.jsonl", rows), samples_of("x", "y"))


def test_outcomes_come_from_results_or_labels(tmp_path: Path) -> None:
    rows = [{"passed": True}, {"passed": False}, {"passed": False, "verdict": "infra_error"}, {"label": "pass"}]
    rows += [{"label": "timeout"}, {"label": True}]
    path = results(tmp_path / "r.jsonl", [{"task_id": "add", **row} for row in rows])
    assert read_outcomes(path, samples_of(*"abcdef")) == [True, False, None, True, False, True]


def test_the_script_writes_pairs_groups_and_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent.parent / "train"))
    script = importlib.import_module("make_pairs")
    settings = {"problems": str(PROBLEMS), "samples": str(CANDIDATES), "results": str(CANDIDATES)}
    script.main(script.Settings(**settings, output_dir=str(tmp_path), near_misses=2, held_out=0.25))
    groups, held_out = read_groups(tmp_path / "groups.jsonl"), read_groups(tmp_path / "held_out.jsonl")
    pairs = [json.loads(line) for line in (tmp_path / "pairs.jsonl").read_text().splitlines()]
    counts = json.loads((tmp_path / "counts.json").read_text())
    assert {group.task_id for group in groups}.isdisjoint(group.task_id for group in held_out)
    assert len(groups) + len(held_out) == counts["problems_kept"] == 24
    assert max(Counter(pair["task_id"] for pair in pairs).values()) <= 6
    assert len(pairs) == counts["pairs"]
    assert counts["near_misses"] == sum(
        item.origin.startswith("mutant:") for group in groups + held_out for item in group.programs
    )
    assert "problems kept" in capsys.readouterr().out
