"""What a strategy gives for one problem: the chosen program, its certificate, and what was found out on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from staged_reward.candidates import Candidate
from staged_reward.problem import FULL, Judgement, StageResult, Verdict

RUNS_TESTS = ("tests", FULL)
STILL_POSSIBLE = (Verdict.PASSED, Verdict.INFRA_ERROR, Verdict.NOT_RUN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """Why a choice is right: it passed every test of its problem, in this verifier's sandbox.

    Attributes:
        num_tests: All of the problem's.
        limit_seconds: CPU limit under which it ran.
    """

    num_tests: int
    limit_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The outcome for one problem.

    Attributes:
        task_id: The problem.
        position: Of the chosen program in the caller's list; None where none holds code that compiles.
        program: The chosen one.
        certificate: None where no candidate passed every test.
        ranking: Positions of all candidates, the chosen one first, then what is not known to be wrong in the order of
            the strategy, then what failed.
        judgements: (position, judgement) of every candidate; `not_run` is the verdict of those that were not needed.
        num_run: Distinct programs of which tests ran.
        seconds: Wall seconds of the tests, summed over workers.
        cpu_seconds: CPU seconds of the tests, ours and the programs'.
        num_faults: Distinct programs without an outcome for a fault of ours; one of them might have passed.
    """

    task_id: str
    position: int | None
    program: str | None
    certificate: Certificate | None
    ranking: tuple[int, ...]
    judgements: tuple[tuple[int, Judgement], ...]
    num_run: int
    seconds: float
    cpu_seconds: float
    num_faults: int = 0


def choose(task_id: str, order: Sequence[Candidate], winner: Candidate | None) -> Choice:
    """Make the choice.

    Args:
        task_id: The problem's.
        order: Its candidates as the strategy ranks them before anything is run, best first.
        winner: What passed every test; None takes the best of what did not fail, and then the first in `order` of
            those that passed the most tests.
    """
    for candidate in order:
        if not _has_outcome(candidate):
            candidate.results.append(StageResult(stage=FULL, verdict=Verdict.NOT_RUN))
    possible = [candidate for candidate in order if candidate is winner or not _has_failed(candidate)]
    failed = [candidate for candidate in order if candidate is not winner and _has_failed(candidate)]
    failed.sort(key=lambda candidate: -max((result.tests_passed for result in candidate.results), default=0))
    if winner is not None:
        possible.sort(key=lambda candidate: candidate is not winner)
    ranked = [*possible, *failed]
    chosen = next((candidate for candidate in ranked if _is_code(candidate)), None)
    results = [result for candidate in order for result in candidate.results if result.tests_run or result.cpu_seconds]
    return Choice(
        task_id=task_id,
        position=None if chosen is None else chosen.positions[0],
        program=None if chosen is None else chosen.program,
        certificate=None if winner is None else _certificate(winner),
        ranking=tuple(position for candidate in ranked for position in candidate.positions),
        judgements=tuple(item for candidate in order for item in candidate.judgements()),
        num_run=sum(any(r.stage in RUNS_TESTS and r.seconds > 0 for r in candidate.results) for candidate in order),
        seconds=sum(result.seconds for result in results),
        cpu_seconds=sum(result.cpu_seconds for result in results),
        num_faults=sum(any(r.verdict is Verdict.INFRA_ERROR for r in candidate.results) for candidate in order),
    )


def _has_outcome(candidate: Candidate) -> bool:
    last = candidate.results[-1] if candidate.results else None
    return last is not None and (last.stage == FULL or last.verdict is not Verdict.PASSED)


def _has_failed(candidate: Candidate) -> bool:
    return any(result.verdict not in STILL_POSSIBLE for result in candidate.results)


def _is_code(candidate: Candidate) -> bool:
    return not any(result.verdict in (Verdict.NO_CODE, Verdict.SYNTAX_ERROR) for result in candidate.results)


def _certificate(winner: Candidate) -> Certificate:
    last = winner.results[-1]
    assert (last.stage, last.verdict) == (FULL, Verdict.PASSED)
    return Certificate(num_tests=len(winner.group.problem.tests), limit_seconds=last.limit_seconds)
