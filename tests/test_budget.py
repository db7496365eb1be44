"""CPU budgets from siblings, with figures computed by hand."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from staged_reward.budget import SiblingBudget
from staged_reward.limits import Limits

EXACT = Limits(cpu_seconds=3.0, wall_seconds=10.0, memory_mib=512)
BUDGET = SiblingBudget(
    first_seconds=0.1, first_wall_seconds=2, multiple=20, quantile=0.95, steps_seconds=(0.2, 1.0), min_siblings=4
)
seconds = st.floats(0, 5, allow_nan=False)


def test_the_first_pass_is_short_in_both_clocks_and_keeps_the_other_limits() -> None:
    assert BUDGET.first(EXACT) == Limits(cpu_seconds=0.1, wall_seconds=2.0, memory_mib=512)


def test_the_first_pass_is_never_longer_than_the_exact_limit() -> None:
    tight = Limits(cpu_seconds=0.05, wall_seconds=1.0)
    assert BUDGET.first(tight) == tight


def test_what_imports_slowly_has_the_first_step_at_once() -> None:
    assert BUDGET.first(EXACT, imports_slowly=True).cpu_seconds == 0.2
    assert BUDGET.first(EXACT, imports_slowly=True).wall_seconds == 2.0
    assert BUDGET.first(Limits(cpu_seconds=0.15), imports_slowly=True).cpu_seconds == 0.15


def test_too_few_siblings_leave_the_exact_limit() -> None:
    assert BUDGET.final(EXACT, []) == EXACT
    assert BUDGET.final(EXACT, [0.001, 0.001, 0.001]) == EXACT


def test_fast_siblings_give_the_first_step() -> None:
    assert BUDGET.final(EXACT, [0.001] * 4).cpu_seconds == 0.2
    assert BUDGET.final(EXACT, [0.01] * 4).cpu_seconds == 0.2  # 20 × 10 ms is just covered


def test_slow_siblings_give_the_next_step_and_then_the_exact_limit() -> None:
    assert BUDGET.final(EXACT, [0.011] * 4).cpu_seconds == 1.0
    assert BUDGET.final(EXACT, [0.06] * 4).cpu_seconds == 3.0


def test_a_budget_is_never_above_the_exact_limit() -> None:
    assert BUDGET.final(Limits(cpu_seconds=0.5), [0.011] * 4).cpu_seconds == 0.5


def test_the_second_pass_has_the_whole_wall_time() -> None:
    assert BUDGET.final(EXACT, [0.001] * 9).wall_seconds == 10.0


def test_the_quantile_is_the_smallest_value_that_covers_its_share() -> None:
    # 95 % of 20 values are 19: the largest is left out. Of 19 values, 18.05 are not covered by 18: all count.
    assert BUDGET.final(EXACT, [0.01] * 19 + [0.04]).cpu_seconds == 0.2
    assert BUDGET.final(EXACT, [0.01] * 18 + [0.04]).cpu_seconds == 1.0


@given(ended=st.lists(seconds, max_size=40), data=st.data())
def test_a_budget_takes_one_of_its_values_and_ignores_order(ended: list[float], data: st.DataObject) -> None:
    budget = BUDGET.final(EXACT, ended)
    assert budget.cpu_seconds in (0.2, 1.0, 3.0)
    assert BUDGET.final(EXACT, data.draw(st.permutations(ended))) == budget


@given(ended=st.lists(seconds, min_size=4, max_size=40), extra=seconds)
def test_slower_siblings_never_lower_a_budget(ended: list[float], extra: float) -> None:
    slower = [value + extra for value in ended]
    assert BUDGET.final(EXACT, slower).cpu_seconds >= BUDGET.final(EXACT, ended).cpu_seconds
