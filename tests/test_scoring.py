"""Problems wait for the reward model together, and no longer than is worth it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fake_pool import BUDGET, TESTS, FakePool
from hypothesis import given
from hypothesis import strategies as st

from staged_reward.candidates import Candidate, Group
from staged_reward.errors import InfraError
from staged_reward.filters import parse_filters
from staged_reward.limits import Limits
from staged_reward.problem import Problem
from staged_reward.scoring import ENOUGH, MOST, WAIT_SECONDS, WaitingRoom
from staged_reward.verification import Verification


class Orm:
    """Scores a program by its number, from which the prompt's is taken; keeps how many came at once."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def score(self, prompts: Sequence[str], programs: Sequence[str]) -> list[float]:
        self.sizes.append(len(programs))
        return [float(program) - float(prompt) for prompt, program in zip(prompts, programs, strict=True)]


def group_of(number: int, size: int) -> tuple[Group, list[Candidate]]:
    problem = Problem(task_id=str(number), prompt=str(number), entry_point="f", tests=TESTS)
    group = Group.of(problem, (), Limits(), full=False, count=False)
    group.candidates = [Candidate(group, str(place), []) for place in range(size)]
    return group, group.candidates


@given(st.lists(st.integers(1, 2 * MOST), min_size=1, max_size=12))
def test_every_problem_gets_its_own_scores_in_order_and_passes_are_bounded(sizes: list[int]) -> None:
    room, orm, found = WaitingRoom(), Orm(), []
    for number, size in enumerate(sizes):
        room.add(*group_of(number, size))
    room.close()
    while room:
        found += room.score(orm)
    assert [scores.group.problem.task_id for scores in found] == [str(number) for number in range(len(sizes))]
    for number, (size, scores) in enumerate(zip(sizes, found, strict=True)):
        assert list(scores.values) == [place - number for place in range(size)]
    starts = 0
    for size in orm.sizes:  # no pass goes on after it has enough
        last = next(one for total, one in _sums(sizes) if total == starts + size)
        assert size - last < MOST
        starts += size
    assert starts == sum(sizes)


def _sums(sizes: Sequence[int]) -> list[tuple[int, int]]:
    return [(sum(sizes[: end + 1]), size) for end, size in enumerate(sizes)]


@pytest.mark.parametrize(("num_programs", "is_closed"), [(ENOUGH, False), (1, True)])
def test_nobody_waits_where_there_is_enough_or_no_other_will_come(num_programs: int, is_closed: bool) -> None:
    room, orm = WaitingRoom(), Orm()
    room.add(*group_of(0, num_programs))
    if is_closed:
        room.close()
    started = time.monotonic()
    room.score(orm)
    assert time.monotonic() - started < WAIT_SECONDS / 2


def test_a_problem_waits_a_moment_for_others() -> None:
    room, orm = WaitingRoom(), Orm()
    room.add(*group_of(0, 1))
    with ThreadPoolExecutor(1) as executor:
        future = executor.submit(room.score, orm)
        room.add(*group_of(1, 2))
        room.close()
        assert [len(scores.survivors) for scores in future.result()] == [1, 2]
    assert orm.sizes == [3]


def test_it_waits_no_longer_than_a_moment() -> None:
    room, orm = WaitingRoom(), Orm()
    room.add(*group_of(0, 1))
    started = time.monotonic()
    assert len(room.score(orm)) == 1
    assert WAIT_SECONDS <= time.monotonic() - started < 20 * WAIT_SECONDS


def test_the_problems_of_a_call_share_passes_and_their_cost() -> None:
    class Slow(Orm):
        def score(self, prompts: Sequence[str], programs: Sequence[str]) -> list[float]:
            time.sleep(0.2)
            return super().score([prompt.split()[0] for prompt in prompts], [one.split("= ")[1] for one in programs])

    orm = Slow()
    problems = [Problem(task_id=str(i), prompt=str(i), entry_point="f", tests=TESTS) for i in range(6)]
    run = Verification(parse_filters(["tests=1"]), Limits(), BUDGET, orm, full=False, count=False)
    judged = dict(
        item
        for batch in run.run(FakePool(), problems * 2, [f"x = {i}" for i in range(12)], lambda count: None)  # type: ignore[arg-type]
        for item in batch
    )
    assert orm.sizes == [12]
    assert [judged[i].score for i in range(12)] == [i - i % 6 for i in range(12)]
    assert sum(judged[i].stages[-1].seconds for i in range(12)) == pytest.approx(0.2, rel=0.5)


def test_a_score_that_is_no_number_names_its_own_problem() -> None:
    class Broken(Orm):
        def score(self, prompts: Sequence[str], programs: Sequence[str]) -> list[float]:
            return [float("nan") if prompt == "1" else 0.0 for prompt in prompts]

    room = WaitingRoom()
    for number in range(3):
        room.add(*group_of(number, 2))
    room.close()
    with pytest.raises(InfraError, match="score nan for a program of '1'"):
        room.score(Broken())


def test_what_comes_while_a_pass_is_under_way_has_the_next_one() -> None:
    room, under_way, go_on = WaitingRoom(), threading.Event(), threading.Event()

    class Blocked(Orm):
        def score(self, prompts: Sequence[str], programs: Sequence[str]) -> list[float]:
            under_way.set()
            assert go_on.wait(10)
            return super().score(prompts, programs)

    orm = Blocked()
    room.add(*group_of(0, ENOUGH))
    with ThreadPoolExecutor(1) as executor:
        first = executor.submit(room.score, orm)
        assert under_way.wait(10)
        room.add(*group_of(1, 3))
        room.add(*group_of(2, 4))
        go_on.set()
        assert len(first.result()) == 1
        room.close()
        assert len(executor.submit(room.score, orm).result()) == 2
    assert orm.sizes == [ENOUGH, 7]


def test_a_program_that_hangs_holds_up_nobodys_score() -> None:
    begun: list[float] = []

    class Timed(Orm):
        def score(self, prompts: Sequence[str], programs: Sequence[str]) -> list[float]:
            begun.append(time.monotonic())
            time.sleep(0.1)
            return [0.0] * len(programs)

    class Hanging(FakePool):
        """The second result comes while the first is scored; the third takes long."""

        def run(self, *arguments: Any, **named: Any) -> Iterator[Any]:
            for pause, answer in zip((0.0, WAIT_SECONDS + 0.02, 1.0), super().run(*arguments, **named), strict=True):
                time.sleep(pause)
                yield answer

    orm, started = Timed(), time.monotonic()
    problems = [Problem(task_id=str(i), prompt=str(i), entry_point="f", tests=TESTS) for i in range(3)]
    run = Verification(parse_filters(["tests=1"]), Limits(), BUDGET, orm, full=False, count=False)
    list(run.run(Hanging(depth=1), problems, ["x = 0"] * 3, lambda count: None))  # type: ignore[arg-type]
    assert [moment - started < 0.8 for moment in begun] == [True, True, False]


def test_who_is_sent_away_is_not_scored() -> None:
    room, orm = WaitingRoom(), Orm()
    room.add(*group_of(0, 1))
    with ThreadPoolExecutor(1) as executor:
        future = executor.submit(room.score, orm)  # waits for others
        room.clear()
        assert future.result() == []
        assert executor.submit(room.score, orm).result() == []
    assert orm.sizes == []
