"""What audits show, against closed forms and simulations."""

import math
import random
from collections.abc import Sequence

import pytest

from staged_reward.ledger.estimates import (
    Audited,
    area_under_curve,
    calibration_gap,
    effective_size,
    estimate_all,
    weighted_share,
)


def item(**values: object) -> Audited:
    plain = {"task_id": "t", "survived": True, "is_top": False, "passed": True, "weight": 1.0}
    return Audited(**{**plain, **values})  # type: ignore[arg-type]


def test_shares_by_hand() -> None:
    audited = [
        item(passed=True, is_top=True),
        item(passed=False),
        item(passed=False, is_top=True, weight=2.0),
        item(survived=False, passed=True, weight=3.0),
        item(survived=False, passed=False, weight=5.0),
    ]
    found = estimate_all(audited)
    assert found["false_positive_rate"].value == pytest.approx(3 / 4)
    assert found["false_negative_rate"].value == pytest.approx(3 / 4)  # 3 lost, 1 kept
    assert found["top_accuracy"].value == pytest.approx(1 / 3)
    assert found["false_positive_rate"].num == 3


def test_nothing_audited_says_nothing() -> None:
    for found in estimate_all(()).values():
        assert math.isnan(found.value)
        assert found.num == 0


def test_the_interval_of_equal_weights_is_wilsons() -> None:
    found = weighted_share([item(passed=index >= 2) for index in range(10)], lambda one: not one.passed)
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0567, 0.5098), abs=1e-3)


def test_where_nothing_went_wrong_the_interval_stays_open() -> None:
    found = weighted_share([item()] * 20, lambda one: not one.passed)
    assert (found.value, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(0.1611, abs=1e-3)


def test_unequal_weights_make_a_smaller_sample() -> None:
    assert effective_size([1.0] * 7) == pytest.approx(7)
    assert effective_size([1.0, 3.0]) == pytest.approx(1.6)
    assert effective_size([]) == 0


def test_area_by_hand_with_weights_and_a_tie() -> None:
    scored = [(1.0, True, 1.0), (3.0, True, 2.0), (2.0, False, 1.0), (3.0, False, 1.0)]
    items = [item(score=score, passed=passed, weight=weight) for score, passed, weight in scored]
    # pairs: 1>2 no (w 1), 1>3 no (1), 3>2 yes (2), 3=3 half (2): (2 + 1) of 6
    assert area_under_curve(items).value == pytest.approx(0.5)


def test_a_perfect_area_has_an_interval() -> None:
    items = [item(score=float(index), passed=index >= 5) for index in range(10)]
    found = area_under_curve(items)
    assert (found.value, found.high) == (1.0, 1.0)
    assert 0.4 < found.low < 0.9


def test_one_kind_has_no_area() -> None:
    assert math.isnan(area_under_curve([item(score=1.0), item(score=2.0)]).value)


def test_calibration_gap_by_hand() -> None:
    items = [item(chance=0.9, passed=True)] * 3 + [item(chance=0.9, passed=False, weight=3.0)]
    assert calibration_gap(items).value == pytest.approx(0.9 - 0.5)
    assert math.isnan(calibration_gap(items[:1]).low)
    assert math.isnan(calibration_gap([item()]).value)


def test_a_calibration_that_is_right_has_no_gap() -> None:
    draw = random.Random(4)
    covered, runs = 0, 400
    for _ in range(runs):
        chances = [draw.random() for _ in range(60)]
        found = calibration_gap([item(chance=chance, passed=draw.random() < chance) for chance in chances])
        covered += found.low <= 0 <= found.high
    assert 0.91 < covered / runs < 0.99


@pytest.mark.parametrize(
    ("num_survivors", "num_right", "num_removed", "num_lost", "num_drawn"),
    [(200, 180, 2200, 20, 120), (300, 200, 1300, 40, 80), (60, 50, 60, 10, 60)],
)
def test_the_interval_of_what_filters_lose_covers_though_most_of_it_is_never_drawn(
    num_survivors: int, num_right: int, num_removed: int, num_lost: int, num_drawn: int
) -> None:
    draw = random.Random(5)
    truth = num_lost / (num_lost + num_right)
    kinds = [(True, index < num_right) for index in range(num_survivors)]
    kinds += [(False, index < num_lost) for index in range(num_removed)]
    chances = {True: min(1.0, num_drawn / 2 / num_survivors), False: min(1.0, num_drawn / 2 / num_removed)}
    covered, runs = 0, 150
    for _ in range(runs):
        items = [
            item(survived=survived, passed=passed, weight=1 / chances[survived])
            for survived, passed in kinds
            if draw.random() < chances[survived]
        ]
        found = estimate_all(items)["false_negative_rate"]
        covered += found.low <= truth <= found.high
    assert covered / runs > 0.88


def test_the_share_of_all_is_found_from_kinds_drawn_unequally() -> None:
    """Hájek's estimate from Poisson draws: right on average, and its interval covers."""
    population = [("rare", index < 30) for index in range(40)] + [("common", index < 40) for index in range(360)]
    truth = (30 + 40) / 400
    chances = {"rare": 0.5, "common": 0.1}
    draw = random.Random(1)
    values, covered, runs = [], 0, 600
    for _ in range(runs):
        drawn = [
            item(passed=not wrong, weight=1 / chances[kind])
            for kind, wrong in population
            if draw.random() < chances[kind]
        ]
        found = weighted_share(drawn, lambda one: not one.passed)
        values.append(found.value)
        covered += found.low <= truth <= found.high
    assert sum(values) / runs == pytest.approx(truth, abs=0.01)
    assert covered / runs > 0.92


def test_the_interval_of_an_area_covers() -> None:
    draw = random.Random(2)
    truth = 0.5 * (1 + math.erf(1.0 / 2))  # two normals one standard deviation apart
    covered, runs = 0, 300
    for _ in range(runs):
        items = [item(score=draw.gauss(1.0, 1.0)) for _ in range(25)]
        items += [item(score=draw.gauss(0.0, 1.0), passed=False) for _ in range(15)]
        found = area_under_curve(items)
        covered += found.low <= truth <= found.high
    assert covered / runs > 0.92


def test_estimates_do_not_depend_on_order() -> None:
    draw = random.Random(3)
    items: Sequence[Audited] = [
        item(passed=draw.random() < 0.5, score=draw.random(), chance=draw.random(), weight=draw.choice([1.0, 4.0]))
        for _ in range(30)
    ]
    shuffled = list(items)
    draw.shuffle(shuffled)
    names = ("false_positive_rate", "orm_auc")
    assert [estimate_all(items)[name].value for name in names] == pytest.approx(
        [estimate_all(shuffled)[name].value for name in names]
    )
