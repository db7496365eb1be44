"""TRL's own trainers call the reward: two steps of GRPO and RLOO on a CPU, plain and conversational."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import math
import pickle
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from staged_reward import AsyncStagedReward, Judgement, Problem, StagedReward, StagedVerifier, Verdict
from staged_reward.gate import Gate
from staged_reward.problem import StageResult

ROOT = Path(__file__).parent.parent
NATIVE = {
    "task_id": "n",
    "prompt": "Add.",
    "entry_point": "add",
    "tests": [{"type": "call", "args": [1, 2], "expected": 3}],
}
VERDICTS = (Verdict.PASSED, Verdict.WRONG_ANSWER, Verdict.INFRA_ERROR, Verdict.PASSED)
REWARDS = [1.0, 0.0, None, 1.0]


class FakeVerifier:
    """Judges by position, since a random model writes no programs."""

    stages = ("extract", "tests")
    gate = Gate()
    scorer = None
    num_workers = 1

    def take_children_cpu_seconds(self) -> float:
        return 0.0

    def verify(
        self, problems: Sequence[Problem], programs: Sequence[str | None], **settings: object
    ) -> list[Judgement]:
        return [self._judge(problem, VERDICTS[i % 4]) for i, problem in enumerate(problems)]

    def _judge(self, problem: Problem, verdict: Verdict) -> Judgement:
        passed = verdict is Verdict.PASSED
        reward = None if verdict is Verdict.INFRA_ERROR else float(passed)
        stages = (StageResult(stage="tests", verdict=verdict, seconds=0.5),)
        return Judgement(
            task_id=problem.task_id, verdict=verdict, stage="tests", passed=passed, reward=reward, stages=stages
        )


class Recorder(StagedReward):
    """Keeps what the trainer passes and gets."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.calls: list[tuple[dict[str, Any], list[float | None]]] = []

    def __call__(self, *args: Any, **columns: Any) -> list[float | None]:
        assert args == ()
        rewards = super().__call__(**columns)
        self.calls.append((columns, rewards))
        return rewards


@pytest.fixture(scope="module")
def tiny() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "train"))
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("CUDA_VISIBLE_DEVICES", "")
        yield importlib.import_module("tiny_model")


def train(tiny: Any, folder: Path, trainer: str, reward: Any, prompt: Any) -> list[dict[str, Any]]:
    """Train for two steps of one group of four; return the log of the steps."""
    import datasets
    import trl

    tokenizer = tiny.tiny_tokenizer()
    rows = [{"prompt": prompt, "problem": json.dumps(NATIVE), "level": 1}] * 4
    config = getattr(trl, f"{trainer}Config")(
        output_dir=str(folder),
        num_generations=4,
        per_device_train_batch_size=4,
        max_completion_length=8,
        beta=0.0,  # else RLOO loads a reference model, by the name of the policy
        max_steps=2,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
        bf16=False,
        log_completions=True,
        disable_tqdm=True,
    )
    runner = getattr(trl, f"{trainer}Trainer")(
        model=tiny.tiny_model(tokenizer, seed=0),
        reward_funcs=reward,
        args=config,
        train_dataset=datasets.Dataset.from_list(rows),
        processing_class=tokenizer,
    )
    runner.train()
    return [entry for entry in runner.state.log_history if "loss" in entry]


PROMPTS = {"plain": "Add.", "conversational": [{"role": "user", "content": "Add."}]}


@pytest.mark.parametrize("trainer", ["GRPO", "RLOO"])
@pytest.mark.parametrize("style", PROMPTS)
def test_rewards_and_metrics_reach_the_log(
    tiny: Any, tmp_path: Path, trainer: str, style: str, capsys: pytest.CaptureFixture[str]
) -> None:
    reward = Recorder(FakeVerifier(), max_infra_rate=0.5)
    steps = train(tiny, tmp_path, trainer, reward, PROMPTS[style])
    assert [rewards for _, rewards in reward.calls] == [REWARDS, REWARDS]
    for columns, _ in reward.calls:
        assert columns["level"] == [1] * 4
        assert columns["prompts"] == [PROMPTS[style]] * 4
        assert {type(completion) for completion in columns["completions"]} == {str if style == "plain" else list}
    assert [step["step"] for step in steps] == [1, 2]
    for step in steps:
        assert step["rewards/staged_reward/mean"] == pytest.approx(2 / 3)  # the None is left out
        assert step["reward"] == pytest.approx(2 / 3)
        assert step["staged_reward/infra_frac"] == 0.25
        assert step["staged_reward/kept_frac/tests"] == 0.5
        assert step["staged_reward/seconds/tests"] >= 0.5
        numbers = [value for value in step.values() if isinstance(value, float)]
        assert all(map(math.isfinite, numbers))
    assert "staged_reward/verdict" in capsys.readouterr().out


def test_a_random_model_is_rewarded_by_the_real_verifier(tiny: Any, tmp_path: Path) -> None:
    with StagedVerifier(("syntax", "tests=1"), workers=1) as verifier:
        reward = Recorder(verifier)
        steps = train(tiny, tmp_path, "GRPO", reward, PROMPTS["conversational"])
    assert [rewards for _, rewards in reward.calls] == [[0.0] * 4] * 2
    for step in steps:
        assert step["reward"] == step["staged_reward/passed_frac"] == 0.0
        assert step["frac_reward_zero_std"] == 1.0  # no advantage in a group where all fail
        assert math.isfinite(step["loss"])


def test_trl_takes_its_name_and_finds_no_coroutine() -> None:
    from trl.trainer.utils import get_callable_name, is_async_callable

    reward = StagedReward(FakeVerifier(), name="code")  # type: ignore[arg-type]
    assert get_callable_name(reward) == "code"
    assert not is_async_callable(reward)


def half(completions: Sequence[Any], **columns: Any) -> list[float]:
    """Another reward function, which judges every row."""
    return [0.5] * len(completions)


def none(completions: Sequence[Any], **columns: Any) -> list[None]:
    """Another reward function, which judges no row."""
    return [None] * len(completions)


@pytest.mark.parametrize("trainer", ["GRPO", "RLOO"])
@pytest.mark.parametrize(
    ("other", "mean"), [(half, (1.5 + 0.5 + 0.5 + 1.5) / 4), (none, 2 / 3)], ids=["judges all", "judges none"]
)
def test_rewards_are_added_up_and_a_row_that_is_none_for_all_is_left_out(
    tiny: Any, tmp_path: Path, trainer: str, other: Any, mean: float
) -> None:
    reward = Recorder(FakeVerifier(), max_infra_rate=0.5)
    for step in train(tiny, tmp_path, trainer, [reward, other], PROMPTS["plain"]):
        assert step["reward"] == pytest.approx(mean)


def test_awaited_rewards_run_at_the_same_time(tiny: Any, tmp_path: Path) -> None:
    meeting = threading.Barrier(2, timeout=20)

    class Meets(StagedReward):
        def __call__(self, *args: Any, **columns: Any) -> list[float | None]:
            meeting.wait()  # breaks, were the other one not running now
            return super().__call__(*args, **columns)

    rewards = [
        AsyncStagedReward(Meets(FakeVerifier(), name=name, max_infra_rate=0.5))  # type: ignore[arg-type]
        for name in ("one", "other")
    ]
    for step in train(tiny, tmp_path, "GRPO", rewards, PROMPTS["plain"]):
        assert step["rewards/one/mean"] == step["rewards/other/mean"] == pytest.approx(2 / 3)
        assert step["one/infra_frac"] == 0.25


def test_an_awaited_reward_is_a_coroutine_function_for_every_trainer_and_picklable() -> None:
    from trl.trainer.utils import is_async_callable

    reward = AsyncStagedReward(StagedReward(FakeVerifier(), name="code"))  # type: ignore[arg-type]
    assert is_async_callable(reward)
    assert reward.__name__ == "code"
    method = pickle.loads(pickle.dumps(reward)).staged_reward
    assert inspect.iscoroutinefunction(method)
    assert asyncio.run(method(["Add."], ["x"], problem=[NATIVE])) == [1.0]
