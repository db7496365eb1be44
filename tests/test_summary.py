"""Summaries, counted by hand."""

from __future__ import annotations

from typing import Any

from staged_reward.problem import Judgement, StageResult, Verdict
from staged_reward.summary import summarise

STAGES = ("extract", "syntax", "lint", "full")


def judgement(*results: tuple[str, Verdict], **values: Any) -> Judgement:
    stages = tuple(StageResult(stage=s, verdict=v, seconds=1.0, cpu_seconds=0.5) for s, v in results)
    last = stages[-1]
    return Judgement(
        task_id="p", verdict=last.verdict, stage=last.stage, passed=last.verdict == "passed", stages=stages, **values
    )


def test_every_stage_counts_what_reached_it_and_what_it_kept() -> None:
    ok, lint, wrong = Verdict.PASSED, Verdict.LINT_ERROR, Verdict.WRONG_ANSWER
    right = [("syntax", ok), ("lint", ok), ("full", ok)]
    judgements = [
        judgement(("extract", Verdict.NO_CODE)),
        judgement(("syntax", Verdict.SYNTAX_ERROR)),
        judgement(("syntax", ok), ("lint", lint), ("full", ok)),
        judgement(*right, count=2),
        judgement(*right, count=2, is_copy=True),
        judgement(("syntax", ok), ("lint", ok), ("full", wrong)),
    ]
    extract, syntax, lint_, full = summarise(judgements, STAGES)
    assert [s.stage for s in (extract, syntax, lint_, full)] == list(STAGES)
    assert [(s.num_in, s.num_kept, s.num_run) for s in (extract, syntax, lint_, full)] == [
        (6, 5, 1),
        (5, 4, 4),
        (4, 3, 3),
        (4, 3, 3),
    ]
    assert (full.seconds, full.cpu_seconds) == (3.0, 1.5)
    assert dict(extract.verdicts) == {"no_code": 1}
    assert dict(lint_.verdicts) == {"lint_error": 1}
    assert dict(full.verdicts) == {"wrong_answer": 1}


def test_with_no_judgements_every_stage_is_there_and_empty() -> None:
    summaries = summarise([], STAGES)
    assert [(s.stage, s.num_in, s.num_kept) for s in summaries] == [(stage, 0, 0) for stage in STAGES]


def test_without_any_filter_extract_is_the_last_stage() -> None:
    (extract,) = summarise([judgement(("extract", Verdict.PASSED))], ("extract",))
    assert (extract.num_in, extract.num_kept) == (1, 1)
