"""What a verification did and cost, stage by stage: counted from its judgements."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from staged_reward.problem import Judgement, Verdict


@dataclass(slots=True)
class StageSummary:
    """One stage of one verification.

    Attributes:
        stage: Its name.
        num_in: Candidates that reached it, copies included.
        num_kept: Candidates that it let pass.
        num_run: Distinct programs that it looked at.
        verdicts: Of the candidates that it stopped.
        num_budget_timeouts: Of the time-outs, those at a budget from siblings, below the exact limit.
        seconds: Wall seconds spent in it, summed over workers.
        cpu_seconds: CPU seconds, ours and the programs'.
    """

    stage: str
    num_in: int = 0
    num_kept: int = 0
    num_run: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    num_budget_timeouts: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0


def summarise(judgements: Iterable[Judgement], stages: Iterable[str]) -> list[StageSummary]:
    """Count what every stage did.

    Args:
        judgements: Of one verification.
        stages: Their names, in order (`StagedVerifier.stages`).
    """
    summaries = {stage: StageSummary(stage) for stage in stages}
    for judgement in judgements:
        _count_extraction(summaries, judgement)
        for result in judgement.stages:
            if result.verdict is Verdict.NOT_RUN and not result.seconds:
                continue  # it never reached this stage
            summary = summaries[result.stage]
            summary.num_in += 1
            summary.num_kept += result.verdict is Verdict.PASSED
            if result.verdict is not Verdict.PASSED:
                summary.verdicts[str(result.verdict)] += 1
                summary.num_budget_timeouts += result.verdict is Verdict.TIMEOUT and result.is_budget
            if not judgement.is_copy:
                summary.num_run += 1
                summary.seconds += result.seconds
                summary.cpu_seconds += result.cpu_seconds
    return list(summaries.values())


def _count_extraction(summaries: dict[str, StageSummary], judgement: Judgement) -> None:
    """Every candidate goes through `extract`; only those without code have a result of it."""
    if not any(result.stage == "extract" for result in judgement.stages):
        summaries["extract"].num_in += 1
        summaries["extract"].num_kept += 1
