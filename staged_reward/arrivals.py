"""Judges programs as they arrive, from many threads: what has come together is verified together."""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable
from queue import Empty, PriorityQueue
from typing import NamedTuple

from staged_reward.problem import Judgement, Problem
from staged_reward.verifier import StagedVerifier

Outcome = Judgement | BaseException | None
"""A judgement; what kept the verifier from it; or None: it was not wanted any more."""


class _Arrival(NamedTuple):
    problem: Problem
    program: str | None
    is_wanted: Callable[[], bool]
    deliver: Callable[[Outcome], None]


class Arrivals:
    """A thread that verifies what arrives, in order of urgency where more waits than can be verified at once.

    Args:
        verifier: That judges. A call of it takes what has arrived so far, of all problems.
    """

    def __init__(self, verifier: StagedVerifier) -> None:
        self.verifier = verifier
        self._waiting: PriorityQueue[tuple[float, int, _Arrival | None]] = PriorityQueue()
        self._numbers = itertools.count()
        self._thread = threading.Thread(target=self._run, name="verification", daemon=True)
        self._thread.start()

    def submit(
        self,
        problem: Problem,
        program: str | None,
        deliver: Callable[[Outcome], None],
        is_wanted: Callable[[], bool] = lambda: True,
        *,
        place: int = 0,
    ) -> None:
        """Have a program judged.

        Args:
            problem: It is for.
            program: Its source; None where there was no code.
            deliver: Gets what comes of it, on another thread.
            is_wanted: Asked before it runs.
            place: In the order; of equals, the first to arrive comes first.
        """
        self._waiting.put((place, next(self._numbers), _Arrival(problem, program, is_wanted, deliver)))

    def _run(self) -> None:
        while (first := self._waiting.get()[2]) is not None:
            together = [first]
            while len(together) < 2 * self.verifier.num_workers:  # more would wait for the slowest of many
                try:
                    more = self._waiting.get_nowait()[2]
                except Empty:
                    break
                if more is None:
                    self._judge(together)
                    return
                together.append(more)
            self._judge(together)

    def _judge(self, together: list[_Arrival]) -> None:
        wanted = []
        for arrival in together:
            if arrival.is_wanted():
                wanted.append(arrival)
            else:
                arrival.deliver(None)
        if not wanted:
            return
        delivered: set[int] = set()
        try:
            problems, programs = [one.problem for one in wanted], [one.program for one in wanted]
            for judged in self.verifier.stream(problems, programs):
                for position, judgement in judged:
                    delivered.add(position)
                    wanted[position].deliver(judgement)
        except BaseException as error:  # noqa: BLE001  it is raised where the outcome is awaited
            rest = [arrival for position, arrival in enumerate(wanted) if position not in delivered]
            if len({id(arrival.problem) for arrival in rest}) > 1:  # one problem's fault is not another's
                for problem in {id(arrival.problem): arrival.problem for arrival in rest}.values():
                    self._judge([arrival for arrival in rest if arrival.problem is problem])
                return
            for arrival in rest:
                arrival.deliver(error)

    def close(self) -> None:
        """Judge what has arrived, and end."""
        self._waiting.put((math.inf, next(self._numbers), None))
        self._thread.join()
