"""The losses against their formulas, written out, and what makes them losses: a better order costs less."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from staged_reward.orm.losses import GROUP_LOSSES, bradley_terry_group, pair_accuracy, top_pass

PASSED = torch.tensor([True, False, False, True, False])
ONE = torch.zeros(5, dtype=torch.long)


def scores(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def test_bradley_terry_group_is_the_mean_over_all_pairs() -> None:
    found = bradley_terry_group(scores(1.0, 0.5, -2.0, 0.0, 3.0), PASSED, ONE)
    pairs = [(right, wrong) for right in (1.0, 0.0) for wrong in (0.5, -2.0, 3.0)]
    expected = sum(-math.log(1 / (1 + math.exp(-(right - wrong)))) for right, wrong in pairs) / 6
    assert found.item() == pytest.approx(expected)


def test_top_pass_is_the_hinge_of_the_best_against_the_hardest_and_a_cross_entropy() -> None:
    found = top_pass(scores(1.0, 0.5, -2.0, 0.0, 3.0), PASSED, ONE, ks=(1, 2), fraction=0.5, bce_weight=0.3)
    first = max(0.0, 1 - (1.0 - 3.0)) ** 2  # the best correct one against the hardest
    second = (first + max(0.0, 1 - (1.0 - 0.5)) ** 2) / 2  # and against the two hardest
    right = [math.log(1 + math.exp(-value)) for value in (1.0, 0.0)]
    wrong = [math.log(1 + math.exp(value)) for value in (0.5, -2.0, 3.0)]
    expected = (first + second) / 2 + 0.3 * 0.5 * (sum(right) / 2 + sum(wrong) / 3)
    assert found.item() == pytest.approx(expected)


@pytest.mark.parametrize("name", GROUP_LOSSES)
def test_a_loss_is_the_mean_over_problems(name: str) -> None:
    """So two ranks with a problem each average to what one rank with both has."""
    loss = GROUP_LOSSES[name]
    values = scores(0.1, 0.9, -0.3, 2.0, 0.2)
    both = loss(values, PASSED, torch.tensor([0, 0, 0, 1, 1]))
    first = loss(values[:3], PASSED[:3], ONE[:3])
    second = loss(values[3:], PASSED[3:], ONE[3:])
    assert both.item() == pytest.approx((first.item() + second.item()) / 2)


@pytest.mark.parametrize("name", GROUP_LOSSES)
@given(values=st.lists(st.floats(-5, 5), min_size=5, max_size=5), step=st.floats(0.1, 3))
def test_raising_a_correct_program_never_costs(name: str, values: list[float], step: float) -> None:
    loss = GROUP_LOSSES[name]
    better = [value + step if passed else value for value, passed in zip(values, PASSED.tolist(), strict=True)]
    assert loss(scores(*better), PASSED, ONE).item() <= loss(scores(*values), PASSED, ONE).item() + 1e-9


@pytest.mark.parametrize("name", GROUP_LOSSES)
def test_a_problem_of_one_kind_gives_no_gradient(name: str) -> None:
    values = scores(0.1, 0.9)
    loss = GROUP_LOSSES[name](values, torch.tensor([True, True]), ONE[:2])
    loss.backward()
    assert loss.item() == 0
    assert values.grad is not None
    assert values.grad.tolist() == [0, 0]


def test_pair_accuracy_counts_ties_half() -> None:
    found = pair_accuracy(torch.tensor([1.0, 1.0, 0.0]), torch.tensor([True, False, False]), ONE[:3])
    assert found.item() == 0.75
