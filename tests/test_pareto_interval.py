"""Intervals cover the true value about as often as they say: simulated."""

from __future__ import annotations

import numpy as np
import pytest

from staged_reward.pareto.interval import over_problems, over_trials

NUM_SIMULATIONS = 300


def test_intervals_over_problems_cover() -> None:
    generator = np.random.default_rng(5)
    covered = 0
    for seed in range(NUM_SIMULATIONS):
        values = generator.beta(0.4, 0.8, size=(1, 80))  # many near 0 and 1, as shares of solved draws are
        found = over_problems(values, seed)
        covered += found.low <= 0.4 / 1.2 <= found.high
    assert 0.90 <= covered / NUM_SIMULATIONS <= 0.99


def test_intervals_over_problems_and_seeds_cover() -> None:
    """Six seeds, each with an effect of its own: an interval over problems alone would be too short."""
    generator = np.random.default_rng(6)
    covered, short = 0, 0
    for seed in range(NUM_SIMULATIONS):
        problems, seeds = generator.normal(0.5, 0.1, size=(1, 60)), generator.normal(0.0, 0.05, size=(6, 1))
        values = problems + seeds + generator.normal(0, 0.05, size=(6, 60))
        both, alone = over_problems(values, seed), over_problems(values.mean(axis=0, keepdims=True), seed)
        covered += both.low <= 0.5 <= both.high
        short += alone.low <= 0.5 <= alone.high
    assert covered / NUM_SIMULATIONS >= 0.90
    assert covered > short


def test_intervals_over_five_trials_cover() -> None:
    generator = np.random.default_rng(7)
    found = [over_trials(generator.normal(100, 10, size=5).tolist()) for _ in range(2000)]
    covered = np.mean([item.low <= 100 <= item.high for item in found])
    assert 0.93 <= covered <= 0.97


def test_one_trial_has_no_interval() -> None:
    found = over_trials([3.0])
    assert found.mean == 3.0
    assert np.isnan(found.low)
    assert np.isnan(found.high)


def test_equal_values_have_an_interval_of_no_width() -> None:
    found = over_problems(np.full((2, 5), 0.25))
    assert (found.mean, found.low, found.high) == (0.25, 0.25, 0.25)


def test_one_problem_has_no_interval() -> None:
    found = over_problems(np.array([[0.5], [0.7]]))
    assert found.mean == pytest.approx(0.6)
    assert np.isnan(found.low)


def test_a_mean_lies_within_its_interval_whatever_rounding_does() -> None:
    for value in (0.1, 0.3, 0.7, 1 / 3):
        found = over_problems(np.full((2, 3), value))
        assert found.low <= found.mean <= found.high


def test_the_same_values_give_the_same_interval() -> None:
    values = np.random.default_rng(1).random((2, 30))
    assert over_problems(values) == over_problems(values.copy())
    assert over_problems(values).mean == pytest.approx(values.mean())
