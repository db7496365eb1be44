"""The example data: its shape, its variety, and that it can be built again. No program is run here."""

from __future__ import annotations

import ast
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from staged_reward.examples import CANDIDATES, PROBLEMS, build

KEYS = {
    "call": ({"type", "args", "expected"}, {"kwargs", "check"}),
    "stdio": ({"type", "stdin", "stdout"}, set()),
    "assert": ({"type", "code"}, set()),
}


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_there_are_24_problems_of_all_three_kinds() -> None:
    problems = rows(PROBLEMS)
    assert len({problem["task_id"] for problem in problems}) == len(problems) == 24
    assert Counter(problem["tests"][0]["type"] for problem in problems) == {"call": 12, "stdio": 7, "assert": 5}


@pytest.mark.parametrize("problem", rows(PROBLEMS), ids=lambda problem: str(problem["task_id"]))
def test_problem_follows_the_native_schema(problem: dict[str, Any]) -> None:
    kind = problem["tests"][0]["type"]
    required, optional = KEYS[kind]
    assert 6 <= len(problem["tests"]) <= 10
    for test in problem["tests"]:
        assert test["type"] == kind
        assert required <= set(test) <= required | optional
    assert set(problem) - {"entry_point"} == {"task_id", "prompt", "tests", "solution"}
    assert ("entry_point" in problem) == (kind != "stdio")
    assert problem["task_id"].startswith("examples/")


@pytest.mark.parametrize("problem", rows(PROBLEMS), ids=lambda problem: str(problem["task_id"]))
def test_texts_of_a_problem_are_programs(problem: dict[str, Any]) -> None:
    names = {getattr(node, "name", None) for node in ast.parse(problem["solution"]).body}
    assert problem.get("entry_point") in names
    for test in problem["tests"]:
        ast.parse(test.get("code", ""))
        ast.parse(test.get("check", "True"), mode="eval")


def test_function_stubs_can_be_continued() -> None:
    stubs = [problem["prompt"] for problem in rows(PROBLEMS) if problem["prompt"].startswith("def ")]
    assert len(stubs) == 14
    for stub in stubs:
        ast.parse(stub)


def test_every_problem_has_16_candidates_in_the_order_of_the_problems() -> None:
    task_ids = [candidate["task_id"] for candidate in rows(CANDIDATES)]
    assert task_ids == [problem["task_id"] for problem in rows(PROBLEMS) for _ in range(16)]


def test_candidates_have_one_text_a_note_and_a_label() -> None:
    for candidate in rows(CANDIDATES):
        texts = {"solution", "completion"} & set(candidate)
        assert len(texts) == 1
        assert set(candidate) == {"task_id", "note", "label", *texts}
        assert isinstance(candidate["label"], bool)


def test_every_problem_has_right_and_wrong_candidates_and_a_duplicate() -> None:
    for problem in rows(PROBLEMS):
        group = [candidate for candidate in rows(CANDIDATES) if candidate["task_id"] == problem["task_id"]]
        notes = [candidate["note"] for candidate in group]
        assert sum(candidate["label"] for candidate in group) >= 3
        assert sum(not candidate["label"] for candidate in group) >= 8
        assert {"canonical", "canonical, formatted differently"} <= set(notes)
        assert sum(note.startswith("mutant:") for note in notes) >= 8


def test_differently_formatted_solution_is_the_same_program() -> None:
    solutions = {problem["task_id"]: problem["solution"] for problem in rows(PROBLEMS)}
    for candidate in rows(CANDIDATES):
        if candidate["note"] == "canonical, formatted differently":
            original = solutions[candidate["task_id"]]
            assert candidate["solution"] != original
            assert ast.dump(ast.parse(candidate["solution"])) == ast.dump(ast.parse(original))


@pytest.mark.parametrize(
    "start", ["mutant:", "hand-written: another way", "hand-written: slow", "syntax error", "lint:", "prose", "empty"]
)
def test_candidates_of_every_making_are_there(start: str) -> None:
    assert any(candidate["note"].startswith(start) for candidate in rows(CANDIDATES))


def test_both_forms_of_sample_are_there() -> None:
    forms = Counter("completion" in candidate for candidate in rows(CANDIDATES))
    assert min(forms.values()) > 80


def test_mutants_come_from_many_operators() -> None:
    notes = {candidate["note"] for candidate in rows(CANDIDATES) if candidate["note"].startswith("mutant:")}
    assert len(notes) >= 40


def test_building_again_gives_the_same_file() -> None:
    assert build.to_text(build.build()) == CANDIDATES.read_text(encoding="utf-8")
