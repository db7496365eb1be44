"""A search: what to run next in one problem, given what is known. The selection asks, runs, and tells the results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from staged_reward.candidates import Candidate, Group, stage_of
from staged_reward.problem import StageResult, Verdict
from staged_reward.selection.choice import Choice
from staged_reward.worker import Task


class Probe(NamedTuple):
    """Tasks for one candidate. A slow one gets a worker that nothing waits behind."""

    candidate: Candidate
    tasks: tuple[Task, ...]
    is_slow: bool = False


class Search(Protocol):
    """The search in one problem. Once `is_done`, it has a `choice`."""

    group: Group

    def take(self) -> Probe | None:
        """Return what to run next, if there is anything to run before more is known."""
        ...

    def tell(self, probe: Probe, results: Sequence[StageResult]) -> None:
        """Take note of what came of a probe."""
        ...

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to run, and nothing is running."""
        ...

    def choice(self) -> Choice:
        """Return the choice."""
        ...


def note_ended(probe: Probe, results: Sequence[StageResult]) -> None:
    """Keep the CPU times of what ended in the first pass: budgets from siblings are made of them."""
    for result in results:
        if result.verdict not in (Verdict.INFRA_ERROR, Verdict.TIMEOUT):
            probe.candidate.group.ended.setdefault(result.stage, []).append(result.program_cpu_seconds)


def lost(probe: Probe, detail: str) -> list[StageResult]:
    """Return the results of a probe whose worker was lost time and again."""
    return [StageResult(stage=stage_of(probe.tasks[0]), verdict=Verdict.INFRA_ERROR, detail=detail)]
