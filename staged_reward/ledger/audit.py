"""Audits: a seeded part of a call's completions gets the full suite, in the background.

Each completion is drawn by itself, with a chance that its kind decides: kinds (the best-rewarded survivor of a group, other
survivors, what a filter removed) share the audit evenly, so that the rare ones are seen too, and everything drawn counts by
one over its chance. The time of a call's audit is bounded by starting no more programs once it is used up; none is stopped
for being slow, so that what an audit shows does not depend on it. What was drawn and not started makes the rest count more.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from queue import Empty, Full, Queue
from typing import Any

from staged_reward.errors import InfraError, InputError
from staged_reward.gate import Gate
from staged_reward.ledger.entry import survived
from staged_reward.ledger.estimates import Audited
from staged_reward.problem import FULL, Judgement, Problem, Verdict
from staged_reward.verifier import StagedVerifier

MAX_WAITING = 4  # calls; what comes on top is not audited


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
        max_seconds: Of one call's audit; after that no further program is started.
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
        self._waiting: Queue[tuple[list[_Drawn], StagedVerifier, Callable[[Audit], None]]] = Queue(MAX_WAITING)
        self._thread: threading.Thread | None = None
        self._ending = threading.Event()
        self._fault: BaseException | None = None

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
        self._raise_fault()
        items = _items(judgements, problems, gate)
        if verifier.full and not verifier.spare_removed:
            report(Audit(tuple(item for item, _ in items if item is not None), 0))
            return
        drawn = self._draw(items, judgements, problems, place)
        if not drawn:
            report(Audit((), 0))
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
            self._thread.start()
        try:
            self._waiting.put_nowait((drawn, verifier, report))
        except Full:  # the steps are shorter than the audits
            report(Audit((), len(drawn)))

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

    def _run(self) -> None:
        exact: StagedVerifier | None = None
        try:
            while not self._ending.is_set():
                try:
                    drawn, verifier, report = self._waiting.get(timeout=0.2)
                except Empty:
                    continue
                exact = exact or verifier.whole_suites(workers=1)
                try:
                    report(self._audit(drawn, exact))
                finally:
                    self._waiting.task_done()
        except BaseException as error:  # noqa: BLE001  it is raised in the next call, on the thread of the training
            self._fault = error
            self._empty()
        finally:
            if exact is not None:
                exact.close()

    def _empty(self) -> None:
        """Let go of what waits, for whoever waits for it."""
        while True:
            try:
                self._waiting.get_nowait()
            except Empty:
                return
            self._waiting.task_done()

    def _audit(self, drawn: Sequence[_Drawn], exact: StagedVerifier) -> Audit:
        started = time.monotonic()
        audited: list[Audited] = []
        num_started, cpu_seconds = 0, 0.0
        for one in drawn:
            if self._ending.is_set() or time.monotonic() - started > self.max_seconds:
                break
            num_started += 1
            judgement = exact.verify([one.problem], [one.program])[0]
            cpu_seconds += judgement.cpu_seconds
            if judgement.verdict is not Verdict.INFRA_ERROR:
                audited.append(replace(one.item, passed=judgement.passed))
        more = len(drawn) / num_started if num_started else 1.0
        weighted = tuple(replace(item, weight=item.weight * more) for item in audited)
        return Audit(weighted, len(drawn), time.monotonic() - started, cpu_seconds)

    def _raise_fault(self) -> None:
        if self._fault is not None:
            fault, self._fault, self._thread = self._fault, None, None
            if isinstance(fault, InputError | InfraError):
                raise fault
            raise InfraError(f"the audit broke down: {fault!r}") from fault

    def wait(self) -> None:
        """Wait until nothing is left to audit.

        Raises:
            InfraError: An audit broke down.
        """
        self._waiting.join()
        self._raise_fault()

    def close(self) -> None:
        """End the thread after the program that runs; what waits is dropped."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join()
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
        if judgement.verdict in (Verdict.INFRA_ERROR, Verdict.NOT_RUN) or judgement.program is None:
            items.append((None, ""))
            continue
        is_survivor = survived(judgement)
        item = Audited(
            task_id=judgement.task_id,
            survived=is_survivor,
            is_top=index in tops,
            passed=judgement.passed and any(result.stage == FULL for result in judgement.stages),
            weight=1.0,
            score=judgement.score if is_survivor else None,
            chance=gate.chance(judgement.score) if is_survivor and judgement.score is not None else None,
        )
        items.append((item, "top" if item.is_top else "survivor" if is_survivor else "removed"))
    return items


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
