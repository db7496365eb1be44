"""Audits: a seeded part of a call's completions gets the full suite, in the background.

Each completion is drawn by itself, with a chance that its kind decides: kinds (the best-rewarded survivor of a group, other
survivors, what a filter removed) share the audit evenly, so that the rare ones are seen too, and everything drawn counts by
one over its chance. How many of them a call's time allows is settled before the first one runs, by how long programs of
earlier audits took, and none is stopped for being slow: else slow programs would count too much, or too little. What was
drawn and is not run makes the rest count more.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import Any

from staged_reward.errors import InfraError, InputError
from staged_reward.gate import Gate
from staged_reward.ledger.entry import survived
from staged_reward.ledger.estimates import Audited
from staged_reward.problem import FULL, Judgement, Problem, StageResult, Verdict
from staged_reward.verifier import StagedVerifier

MAX_WAITING = 4  # calls; what comes on top is not audited
FIRST_GUESS_SECONDS = 0.5  # of a program, before any has run


@dataclass(frozen=True, slots=True)
class Audit:
    """What came of the audit of one call.

    Attributes:
        audited: Programs with an outcome.
        num_drawn: Programs that were to be run.
        seconds: It took.
        cpu_seconds: It took.
    """

    audited: tuple[Audited, ...]
    num_drawn: int
    seconds: float = 0.0
    cpu_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class _Drawn:
    problem: Problem
    program: str
    item: Audited


class Auditor:
    """Runs audits one after the other on a thread and a worker of its own, which start at the first one.

    Picklable; the copy has a thread of its own.

    Args:
        frac: Of the completions, to be drawn; 0 for none.
        max_seconds: Of one call's audit, for as many programs as take that long on average; one is always run.
        seed: Of the draw. The same seed, rank and calls draw the same completions.

    Raises:
        InputError: A number is out of range.
    """

    def __init__(self, frac: float = 0.05, *, max_seconds: float = 10.0, seed: int = 0) -> None:
        if not 0 <= frac <= 1:
            raise InputError(f"audit frac={frac}; give a share from 0 to 1")
        if not max_seconds > 0:
            raise InputError(f"audit max_seconds={max_seconds}; give a number above 0")
        self.frac = frac
        self.max_seconds = max_seconds
        self.seed = seed
        self._start_anew()

    def _start_anew(self) -> None:
        self._lock = threading.Lock()
        self._executor: ThreadPoolExecutor | None = None
        self._under_way: set[Future[None]] = set()
        self._ending = threading.Event()
        self._exact: tuple[StagedVerifier, StagedVerifier] | None = None  # a verifier, and that of whole suites for it
        self._seconds, self._num_run = FIRST_GUESS_SECONDS, 1  # of all programs so far

    def submit(
        self,
        judgements: Sequence[Judgement],
        problems: Sequence[Problem],
        verifier: StagedVerifier,
        gate: Gate,
        place: Hashable,
        report: Callable[[Audit], None],
    ) -> None:
        """Draw from a call and run what was drawn in the background; at once where the verifier ran every suite itself.

        Args:
            judgements: Of the call.
            problems: One per judgement; the same object within a group.
            verifier: That made them.
            gate: That made the rewards of them.
            place: Of the call: what differs between calls and ranks.
            report: Gets what came of it, on another thread.

        Raises:
            InfraError: An earlier audit broke down.
        """
        items = _items(judgements, problems, gate)
        if verifier.full and not verifier.spare_removed:
            report(Audit(tuple(item for item, _ in items if item is not None), 0))
            return
        drawn = self._draw(items, judgements, problems, place)
        with self._lock:
            self._collect()
            if drawn and len(self._under_way) < MAX_WAITING:
                self._executor = self._executor or ThreadPoolExecutor(1, thread_name_prefix="audit")
                self._under_way.add(self._executor.submit(self._run, drawn, verifier, report))
                return
        report(Audit((), len(drawn)))  # nothing to do; or the steps are shorter than the audits

    def _collect(self) -> None:
        """Let go of what is done, and raise what an audit raised."""
        done = {future for future in self._under_way if future.done()}
        self._under_way -= done
        for future in done:
            fault = None if future.cancelled() else future.exception()
            if isinstance(fault, InputError | InfraError):
                raise fault
            if fault is not None:
                raise InfraError(f"the audit broke down: {fault!r}") from fault

    def _draw(
        self,
        items: Sequence[tuple[Audited | None, str]],
        judgements: Sequence[Judgement],
        problems: Sequence[Problem],
        place: Hashable,
    ) -> list[_Drawn]:
        """Return what is to be run, in random order."""
        random_ = random.Random(f"{self.seed}/{place}")
        by_kind: dict[str, list[int]] = defaultdict(list)
        for index, (item, kind) in enumerate(items):
            if item is not None and judgements[index].program is not None and problems[index].tests:
                by_kind[kind].append(index)
        drawn = []
        left = self.frac * sum(map(len, by_kind.values()))
        for num_done, kind in enumerate(sorted(by_kind, key=lambda kind: (len(by_kind[kind]), kind))):
            indices = by_kind[kind]  # the rarest first: what they leave goes to the others
            share = min(float(len(indices)), left / (len(by_kind) - num_done))
            left -= share
            chance = share / len(indices)
            for index in indices:
                if random_.random() < chance:
                    item, program = items[index][0], judgements[index].program
                    assert item is not None
                    assert program is not None
                    drawn.append(_Drawn(problems[index], program, replace(item, weight=1 / chance)))
        random_.shuffle(drawn)
        return drawn

    def _run(self, drawn: Sequence[_Drawn], verifier: StagedVerifier, report: Callable[[Audit], None]) -> None:
        exact = self._exact_for(verifier)
        started, started_cpu = time.monotonic(), time.thread_time()
        num_allowed = max(1, round(self.max_seconds * self._num_run / self._seconds))
        audited: list[Audited] = []
        for one in drawn[:num_allowed]:
            if self._ending.is_set():
                return
            judgement = exact.verify([one.problem], [one.program])[0]
            if judgement.verdict is not Verdict.INFRA_ERROR:
                audited.append(replace(one.item, passed=judgement.passed))
        seconds = time.monotonic() - started
        cpu_seconds = time.thread_time() - started_cpu + exact.take_children_cpu_seconds()
        self._seconds += seconds
        self._num_run += min(num_allowed, len(drawn))
        more = len(drawn) / len(audited) if audited else 1.0
        weighted = tuple(replace(item, weight=item.weight * more) for item in audited)
        report(Audit(weighted, len(drawn), seconds, cpu_seconds))

    def _exact_for(self, verifier: StagedVerifier) -> StagedVerifier:
        """Return a verifier of whole suites, on a worker of its own; on the audit's thread."""
        if self._exact is None or self._exact[0] is not verifier:
            if self._exact is not None:
                self._exact[1].close()
            self._exact = verifier, verifier.whole_suites(workers=1)
        return self._exact[1]

    def wait(self) -> None:
        """Wait until nothing is left to audit.

        Raises:
            InfraError: An audit broke down.
        """
        wait(self._under_way)
        with self._lock:
            self._collect()

    def close(self) -> None:
        """End after the program that runs; what waits is dropped."""
        self._ending.set()
        with self._lock:
            executor = self._executor
        if executor is not None:
            executor.shutdown(cancel_futures=True)
        if self._exact is not None:
            self._exact[1].close()
        self._start_anew()

    def __getstate__(self) -> dict[str, Any]:
        return {"frac": self.frac, "max_seconds": self.max_seconds, "seed": self.seed}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._start_anew()


def _items(
    judgements: Sequence[Judgement], problems: Sequence[Problem], gate: Gate
) -> list[tuple[Audited | None, str]]:
    """Return what is known of each completion before an audit, and its kind; None for what has no outcome."""
    tops = _tops(judgements, problems)
    items: list[tuple[Audited | None, str]] = []
    for index, judgement in enumerate(judgements):
        is_open = judgement.verdict in (Verdict.INFRA_ERROR, Verdict.NOT_RUN) or judgement.program is None
        if is_open or any(_is_at_a_budget(result) for result in judgement.stages):
            items.append((None, ""))  # nothing is known
            continue
        is_survivor = survived(judgement)
        item = Audited(
            task_id=judgement.task_id,
            survived=is_survivor,
            is_top=index in tops,
            passed=judgement.passed and any(result.stage == FULL for result in judgement.stages),
            weight=1.0,
            score=judgement.score if is_survivor else None,
            chance=None if not is_survivor or judgement.score is None else _chance(gate, judgement.score),
        )
        items.append((item, "top" if item.is_top else "survivor" if is_survivor else "removed"))
    return items


def _is_at_a_budget(result: StageResult) -> bool:
    """Whether the full suite ended at a budget: at the exact limit it might have passed."""
    return result.stage == FULL and result.verdict is Verdict.TIMEOUT and result.is_budget


def _chance(gate: Gate, score: float) -> float | None:
    return None if gate.calibration is None else gate.calibration.chance(score)


def _tops(judgements: Sequence[Judgement], problems: Sequence[Problem]) -> set[int]:
    """Return the survivor with the highest score of each group, the first of equals."""
    best: dict[int, tuple[float, int]] = {}
    for index, (judgement, problem) in enumerate(zip(judgements, problems, strict=True)):
        if not survived(judgement):
            continue
        score = 0.0 if judgement.score is None or math.isnan(judgement.score) else judgement.score
        if id(problem) not in best or score > best[id(problem)][0]:
            best[id(problem)] = score, index
    return {index for _, index in best.values()}
