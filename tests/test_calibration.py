"""Platt's scaling: from scores to chances."""

import importlib
import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from staged_reward.calibration import Calibration, fit_calibration
from staged_reward.errors import InputError
from staged_reward.gate import Gate
from staged_reward.orm.card import SHIPPED_FOLDER, OrmCard
from staged_reward.orm.groups import SAMPLE, Group, LabelledProgram, write_groups
from staged_reward.problem import Verdict


def test_the_chances_that_made_the_outcomes_are_found_again() -> None:
    generator = np.random.default_rng(1)
    scores = generator.normal(-4.0, 2.0, size=20_000)
    passed = generator.random(20_000) < 1 / (1 + np.exp(-(0.7 * scores + 3.0)))
    found = fit_calibration(scores.tolist(), passed.tolist())
    assert found is not None
    assert found.slope == pytest.approx(0.7, abs=0.03)
    assert found.intercept == pytest.approx(3.0, abs=0.1)


def test_scores_that_tell_all_apart_have_a_finite_slope() -> None:
    found = fit_calibration([-1.0, -2.0, 1.0, 2.0], [False, False, True, True])
    assert found is not None
    assert 0 < found.slope < 100
    assert found.chance(2.0) > 0.5 > found.chance(-2.0)


def test_scores_that_say_the_opposite_have_no_calibration() -> None:
    assert fit_calibration([1.0, 2.0, -1.0, -2.0], [False, False, True, True]) is None


@pytest.mark.parametrize("passed", [[True, True], [False, False], [True]])
def test_outcomes_of_one_kind_are_refused(passed: list[bool]) -> None:
    with pytest.raises(InputError, match="give both kinds"):
        fit_calibration([1.0, 2.0], passed)


@pytest.mark.parametrize("slope", [0.0, -1.0, math.inf, math.nan])
def test_a_slope_that_would_turn_the_order_is_refused(slope: float) -> None:
    with pytest.raises(InputError, match="above 0"):
        Calibration(slope, 0.0)


@pytest.mark.parametrize("score", [-1e9, -1e300, -3.0, 0.0, 3.0, 1e9, math.inf, -math.inf, math.nan])
def test_a_calibrated_reward_stays_between_gap_and_one(score: float) -> None:
    gate = Gate(gap=0.6, calibration=Calibration(2.0, -1.0))
    reward = gate.reward_of(Verdict.PASSED, score)
    assert reward is not None
    assert 0.6 <= reward <= 1.0


def test_a_calibrated_reward_is_the_chance_within_the_range_above_the_gap() -> None:
    gate = Gate(gap=0.5, calibration=Calibration(1.0, math.log(3)))
    assert gate.reward_of(Verdict.PASSED, 0.0) == pytest.approx(0.5 + 0.5 * 0.75)


def test_the_script_writes_a_calibration_into_the_card_and_changes_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent.parent / "train"))
    script = importlib.import_module("calibrate_orm")
    folder = tmp_path / "orm"
    shutil.copytree(SHIPPED_FOLDER, folder)
    programs = [
        LabelledProgram(f"def f(x):\n    return {text}\n", passed, SAMPLE)
        for text, passed in (
            ("x", True),
            ("x + 1", True),
            ("x.nothing()()", False),
            ("x[[[1]]]", False),
            ("x * 3", False),
        )
    ]
    write_groups(tmp_path / "groups.jsonl", [Group("t", "def f(x):\n", programs)])
    before = OrmCard.of(str(folder))
    script.main(str(folder), tmp_path / "groups.jsonl")
    after = OrmCard.of(str(folder))
    assert after.calibration is not None
    assert replace(after, calibration=before.calibration) == before
    assert "5 samples of 1 problems, 2 passed" in capsys.readouterr().out
    (tmp_path / "groups.jsonl").unlink()
    write_groups(tmp_path / "groups.jsonl", [Group("t", "def f(x):\n", programs[:2])])
    with pytest.raises(InputError, match="2 of 2 samples passed, and the scores do not tell them apart"):
        script.main(str(folder), tmp_path / "groups.jsonl")
    with pytest.raises(InputError, match="'nowhere' is no folder"):
        script.main("nowhere", tmp_path / "groups.jsonl")
