"""Outcome gates the reward model: for any score, as a trainer sees it."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staged_reward.errors import InputError
from staged_reward.gate import Gate
from staged_reward.problem import FULL, Judgement, StageResult, Verdict
from staged_reward.schedule import Schedule, progress_of

ANY_SCORE = st.floats() | st.sampled_from([1e9, -1e9, math.inf, -math.inf, math.nan, 0.0])
VERDICTS = sorted(set(Verdict) - {Verdict.INFRA_ERROR, Verdict.NOT_RUN})
GATES = st.builds(
    Gate, gap=st.floats(0.1, 1.0), scale=st.sampled_from(["global", "group"]), orm_weight=st.floats(0.0, 1.0)
)


def judged(verdict: Verdict, score: float | None = None, *, stage: str = "tests", filtered: bool = False) -> Judgement:
    return Judgement(
        task_id="t",
        verdict=verdict,
        stage=stage,
        passed=verdict is Verdict.PASSED,
        score=score,
        filtered_by="lint" if filtered else None,
        stages=(StageResult(stage=stage, verdict=verdict),),
    )


def float32(value: float) -> float:
    return float(struct.unpack("f", struct.pack("f", value))[0])


def advantages(rewards: Sequence[float]) -> list[float]:
    """As GRPO has them: reward less the group's mean, over its standard deviation."""
    values = [float32(reward) for reward in rewards]
    mean = sum(values) / len(values)
    deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / max(1, len(values) - 1))
    return [(value - mean) / (deviation + 1e-4) for value in values]


def rewards_of(gate: Gate, judgements: Sequence[Judgement]) -> list[float]:
    found = gate.rewards(judgements, ["g"] * len(judgements))
    assert all(reward is not None for reward in found)
    return [reward for reward in found if reward is not None]


@given(GATES, st.lists(st.tuples(st.sampled_from(VERDICTS), ANY_SCORE), min_size=2, max_size=8))
def test_no_failing_program_is_above_a_passing_one(gate: Gate, outcomes: list[tuple[Verdict, float]]) -> None:
    rewards = rewards_of(gate, [judged(verdict, score) for verdict, score in outcomes])
    gains = advantages(rewards)
    for (verdict, _), reward, gain in zip(outcomes, rewards, gains, strict=True):
        if verdict is Verdict.PASSED:
            assert gate.gap - 1e-9 <= reward <= 1.0
            assert all(gain > other for other, (kind, _) in zip(gains, outcomes, strict=True) if kind != "passed")
        else:
            assert reward == 0.0


@given(GATES, st.lists(st.tuples(st.sampled_from(VERDICTS), ANY_SCORE), min_size=2, max_size=8))
def test_a_group_in_which_all_fail_gives_no_advantage(gate: Gate, outcomes: list[tuple[Verdict, float]]) -> None:
    failing = [judged(verdict, score) for verdict, score in outcomes if verdict is not Verdict.PASSED]
    if failing:
        assert advantages(rewards_of(gate, failing)) == [0.0] * len(failing)


@given(GATES, ANY_SCORE, ANY_SCORE)
def test_survivors_are_in_the_order_of_their_scores(gate: Gate, one: float, other: float) -> None:
    low, high = sorted((one, other), key=lambda score: -math.inf if math.isnan(score) else score)
    rewards = rewards_of(gate, [judged(Verdict.PASSED, low), judged(Verdict.PASSED, high)])
    assert rewards[0] <= rewards[1]


@given(score=st.floats(-1000, 1000), step=st.floats(0.5, 1000))
def test_usual_scores_stay_apart_in_float32(score: float, step: float) -> None:
    low, high = (Gate().reward_of(Verdict.PASSED, value) for value in (score, score + step))
    assert low is not None
    assert high is not None
    assert float32(low) < float32(high)


@pytest.mark.parametrize(
    ("score", "reward"),
    [(0.0, 0.75), (1.0, 0.875), (-1.0, 0.625), (3.0, 0.9375), (-1e9, 0.5), (1e9, 1.0), (math.nan, 0.5)],
)
def test_rewards_on_the_global_scale_by_hand(score: float, reward: float) -> None:
    assert Gate().reward_of(Verdict.PASSED, score) == pytest.approx(reward, abs=1e-8)


def test_rewards_on_the_scale_of_a_group_by_hand() -> None:
    scores = [3.0, -7.0, 3.0, 100.0, math.nan]
    judgements = [judged(Verdict.PASSED, score) for score in scores]
    assert rewards_of(Gate(scale="group"), judgements) == pytest.approx([5 / 6, 4 / 6, 5 / 6, 1.0, 0.5])


def test_groups_have_scales_of_their_own() -> None:
    judgements = [judged(Verdict.PASSED, score) for score in (1.0, 2.0, 50.0, 60.0)]
    assert Gate(scale="group").rewards(judgements, [1, 1, 2, 2]) == [0.5, 1.0, 0.5, 1.0]


def test_a_survivor_alone_and_equal_ones_have_one() -> None:
    gate = Gate(scale="group")
    assert rewards_of(gate, [judged(Verdict.PASSED, -5.0)]) == [1.0]
    assert rewards_of(gate, [judged(Verdict.PASSED, 2.0)] * 3) == [1.0] * 3


def test_what_failed_takes_no_place_in_the_scale_of_its_group() -> None:
    judgements = [
        judged(Verdict.PASSED, 1.0),
        judged(Verdict.WRONG_ANSWER, 0.0),
        judged(Verdict.PASSED, 9.0, filtered=True),
    ]
    assert rewards_of(Gate(scale="group"), judgements) == [1.0, 0.0, 0.0]


def test_with_the_full_suite_what_passes_has_one_and_false_survivors_none() -> None:
    judgements = [judged(Verdict.PASSED, -9.0, stage=FULL), judged(Verdict.WRONG_ANSWER, 9.0, stage=FULL)]
    for gate in (Gate(), Gate(scale="group")):
        assert rewards_of(gate, judgements) == [1.0, 0.0]


def test_a_fault_of_ours_and_what_did_not_run_have_no_reward() -> None:
    for verdict in (Verdict.INFRA_ERROR, Verdict.NOT_RUN):
        assert Gate().rewards([judged(verdict, 1.0)], ["g"]) == [None]


def test_without_an_orm_survivors_have_one() -> None:
    assert rewards_of(Gate(), [judged(Verdict.PASSED), judged(Verdict.TIMEOUT)]) == [1.0, 0.0]
    assert rewards_of(Gate(scale="group"), [judged(Verdict.PASSED), judged(Verdict.TIMEOUT)]) == [1.0, 0.0]


@pytest.mark.parametrize(
    "settings",
    [{"gap": 0.0}, {"gap": 1.1}, {"gap": math.nan}, {"scale": "local"}, {"orm_weight": -0.1}, {"orm_weight": 2}],
)
def test_a_gate_that_gates_nothing_is_refused(settings: dict[str, float | str]) -> None:
    with pytest.raises(InputError):
        Gate(**settings)  # type: ignore[arg-type]


def test_a_schedule_steps_or_goes_straight() -> None:
    points = ((0.2, 1.0), (0.6, 3.0))
    assert [Schedule(points).at(x) for x in (0.0, 0.2, 0.59, 0.6, 1.0)] == [1.0, 1.0, 1.0, 3.0, 3.0]
    assert Schedule(points, "linear").at(0.4) == pytest.approx(2.0)
    assert Schedule(points, "linear").at(0.0) == 1.0


@pytest.mark.parametrize("points", [(), ((0.5, 1), (0.5, 2)), ((0.5, 1), (0.2, 2)), ((-0.1, 1),), ((1.5, 1),)])
def test_a_schedule_that_goes_back_is_refused(points: tuple[tuple[float, float], ...]) -> None:
    with pytest.raises(InputError, match="progress rising"):
        Schedule(points)


def test_progress_is_what_the_trainer_says() -> None:
    class State:
        global_step, max_steps = 30, 120

    assert progress_of(State()) == 0.25
    assert progress_of(None) == 0.0
    assert progress_of(object()) == 0.0
