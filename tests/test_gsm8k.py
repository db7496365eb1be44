"""GSM8K as programs: the answer's number is what `solution()` has to return."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from staged_reward import InputError, StagedVerifier
from staged_reward.datasets import problem_from_row

ROW = {
    "question": "Ann has 3 apples and buys 1,200 more. How many?",
    "answer": "3 + 1200 = <<3+1200=1203>>1203\n#### 1,203",
}


@pytest.fixture(scope="module")
def verifier() -> Iterator[StagedVerifier]:
    with StagedVerifier(("syntax",), full=True, workers=1) as verifier:
        yield verifier


@pytest.mark.parametrize(
    ("value", "passes"),
    [
        ("1203", True),
        ("1203.0004", True),
        ("1202.9", False),
        ("'1203'", False),
        ("None", False),
        ("float('nan')", False),
        ("__import__('fractions').Fraction(2406, 2)", True),
    ],
)
def test_what_solution_returns_is_compared_with_tolerance(verifier: StagedVerifier, value: str, passes: bool) -> None:
    problem = problem_from_row(ROW)
    assert verifier.verify([problem], [f"def solution():\n    return {value}\n"])[0].passed is passes


@pytest.mark.parametrize(
    ("text", "number"),
    [("#### 12", 12), ("#### -3", -3), ("#### $1,000.50", 1000.5), ("####0.25 ", 0.25), ("#### .5", 0.5)],
)
def test_the_last_number_is_the_answer(text: str, number: float) -> None:
    (test,) = problem_from_row({"question": "How many?", "answer": f"Because.\n{text}"}).tests
    assert test.expected == number  # type: ignore[union-attr]


@pytest.mark.parametrize("answer", ["12", "#### twelve", "#### 1\nand more"])
def test_an_answer_without_a_number_at_its_end_is_refused(answer: str) -> None:
    with pytest.raises(InputError, match="must end with '#### NUMBER'"):
        problem_from_row({"question": "How many?", "answer": answer})


def test_names_come_from_the_row_or_the_question() -> None:
    assert problem_from_row({**ROW, "task_id": "g/1"}).task_id == "g/1"
    assert problem_from_row(ROW).task_id == problem_from_row(dict(ROW)).task_id
    assert problem_from_row(ROW).task_id != problem_from_row({**ROW, "question": "How?"}).task_id
    assert problem_from_row(ROW).entry_point == "solution"
