"""The reward model's part of a call: survivors of several problems go through it together.

A pass has a price of its own, whatever goes through. So the first problem that is done waits a moment for others, and
those that are done while a pass is under way share the next one. A program that hangs holds up nobody's score, and no pass
is that long that much is lost where it comes too late.
"""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from staged_reward.candidates import Candidate, Group
from staged_reward.errors import InfraError, InputError
from staged_reward.problem import FULL, StageResult, Verdict

WAIT_SECONDS = 0.05  # for other problems
ENOUGH = 32  # programs that are worth a pass of their own
MOST = 128  # programs of a pass, before the problem that goes beyond


class Scorer(Protocol):
    """What the verifier needs of an ORM."""

    def score(self, prompts: Sequence[str], programs: Sequence[str]) -> list[float]:
        """Return one raw logit per program, higher is better."""
        ...


@dataclass(frozen=True, slots=True)
class Scores:
    """Of the survivors of a group, and what one of them took."""

    group: Group
    survivors: Sequence[Candidate]
    values: Sequence[float]
    seconds: float
    cpu_seconds: float

    def enter(self) -> None:
        """Give them to the candidates."""
        for candidate, score in zip(self.survivors, self.values, strict=True):
            candidate.score = float(score)
            result = StageResult(
                stage="orm", verdict=Verdict.PASSED, seconds=self.seconds, cpu_seconds=self.cpu_seconds
            )
            at = len(candidate.results) - (candidate.results[-1].stage == FULL)
            candidate.results.insert(at, result)


LateScoring = set[Future[list[Scores]]]
"""Passes of the ORM that a call did not wait for, because its deadline had passed."""


class WaitingRoom:
    """Problems of one call that wait for the ORM. The call's thread adds them, the ORM's thread takes them."""

    def __init__(self) -> None:
        self._groups: list[tuple[Group, list[Candidate]]] = []
        self._is_last_call = False
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return len(self._groups)

    def add(self, group: Group, survivors: list[Candidate]) -> None:
        """Let the survivors of a problem wait."""
        with self._changed:
            self._groups.append((group, survivors))
            self._changed.notify()

    def close(self) -> None:
        """Say that no other problem will come."""
        with self._changed:
            self._is_last_call = True
            self._changed.notify()

    def score(self, scorer: Scorer) -> list[Scores]:
        """Score those that wait, once they are worth a pass. No candidate is changed: the call may be over by now.

        To be asked for once for each problem that was added; where an earlier pass took it along, there is nothing to do.
        """
        with self._changed:
            if not self._groups:
                return []
            self._changed.wait_for(self._is_worth_a_pass, timeout=WAIT_SECONDS)
            sums = itertools.accumulate(len(survivors) for _, survivors in self._groups)
            num = 1 + sum(size < MOST for size in sums)
            groups, self._groups = self._groups[:num], self._groups[num:]
        return _score(scorer, groups) if groups else []

    def clear(self) -> None:
        """Send all of them away: nobody waits for their scores."""
        with self._changed:
            self._groups.clear()
            self._is_last_call = True
            self._changed.notify()

    def _is_worth_a_pass(self) -> bool:
        return self._is_last_call or sum(len(survivors) for _, survivors in self._groups) >= ENOUGH


def _score(scorer: Scorer, groups: Sequence[tuple[Group, list[Candidate]]]) -> list[Scores]:
    """Score what survived, in one pass."""
    prompts = [group.problem.prompt for group, survivors in groups for _ in survivors]
    programs = [candidate.program or "" for _, survivors in groups for candidate in survivors]
    wall, cpu = time.perf_counter(), time.thread_time()
    if hasattr(scorer, "score_with_cost"):  # it has threads of its own
        scores, cost = scorer.score_with_cost(prompts, programs)
        cpu_seconds = cost.cpu_seconds
    else:
        scores = scorer.score(prompts, programs)
        cpu_seconds = time.thread_time() - cpu
    seconds = time.perf_counter() - wall
    num = len(programs)
    if len(scores) != num:
        raise InputError(f"the ORM gave {len(scores)} scores for {num} programs; return one for each")
    found, start = [], 0
    for group, survivors in groups:
        values = scores[start : start + len(survivors)]
        start += len(survivors)
        bad = next((score for score in values if not math.isfinite(score)), None)
        if bad is not None:
            raise InfraError(f"the ORM gave score {bad} for a program of {group.problem.task_id!r}; check its weights")
        found.append(Scores(group, survivors, values, seconds / num, cpu_seconds / num))
    return found
