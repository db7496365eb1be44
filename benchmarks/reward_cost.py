"""What does a step's reward cost, staged and in full? The same completions of a policy, through both.

    python benchmarks/reward_cost.py SAMPLES.jsonl --problems PROBLEMS.jsonl [--orm ORM] [--steps 48]

Draws steps as `train/compare_rewards.py` makes them, a few problems with a few completions each, and rewards every step
with the full suite, with filters alone, and with filters and a reward model; in turn, so that a busy machine is busy for
all. Nothing is trained, and no outcome is known from an earlier step. Verifiers are warm and the reward model is loaded.
"""

from __future__ import annotations

import random
import statistics
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import typer

from staged_reward import StagedReward, StagedVerifier, load_problems
from staged_reward.samples import Sample, read_samples

FILTERS = ("syntax", "lint=ruff", "tests=1")


def main(
    samples: Annotated[Path, typer.Argument(help="A policy's samples.")],
    problems: Annotated[str, typer.Option(help="File, or the name of a data set.")],
    orm: Annotated[str, typer.Option(help="Reward model.")] = "default",
    steps: Annotated[int, typer.Option(help="To be rewarded.")] = 48,
    groups: Annotated[int, typer.Option(help="Problems of a step.")] = 2,
    group_size: Annotated[int, typer.Option(help="Completions of a problem.")] = 8,
    trials: Annotated[int, typer.Option(help="Draws of all steps.")] = 3,
    workers: Annotated[int, typer.Option(help="Of each verifier.")] = 1,
) -> None:
    """Print CPU and wall seconds per step, trial by trial, and the median shares of the full suite's."""
    loaded = load_problems(problems)
    by_problem: dict[str, list[Sample]] = defaultdict(list)
    for sample in read_samples(samples, loaded):
        by_problem[sample.problem.task_id].append(sample)
    with ExitStack() as stack:
        kinds: dict[str, dict[str, Any]] = {
            "full": {"filters": ("syntax",), "full": True},
            "filters": {"filters": FILTERS},
            "staged": {"filters": FILTERS, "orm": orm},
        }
        rewards = {
            name: StagedReward(stack.enter_context(StagedVerifier(**settings, workers=workers)), problems=loaded)
            for name, settings in kinds.items()
        }
        _costs(rewards, _step(by_problem, random.Random(-1), groups, group_size))  # warm
        shares: dict[tuple[str, str], list[float]] = defaultdict(list)
        for trial in range(trials):
            rng = random.Random(trial)
            sums: dict[tuple[str, str], float] = defaultdict(float)
            for _ in range(steps):
                for key, value in _costs(rewards, _step(by_problem, rng, groups, group_size)).items():
                    sums[key] += value / steps
            for (name, unit), value in sums.items():
                print(f"trial {trial}: {name}: {value:.4f} {unit} per step", flush=True)
                shares[name, unit].append(value / sums["full", unit])
    for (name, unit), found in shares.items():
        print(f"{name} / full, {unit}: 1/{1 / statistics.median(found):.2f}")


def _step(by_problem: dict[str, list[Sample]], rng: random.Random, groups: int, size: int) -> list[Sample]:
    return [one for task in rng.sample(sorted(by_problem), groups) for one in rng.sample(by_problem[task], size)]


def _costs(rewards: dict[str, StagedReward], step: list[Sample]) -> dict[tuple[str, str], float]:
    """Return what the step costs by each kind of reward."""
    costs: dict[tuple[str, str], float] = {}
    for name, reward in rewards.items():
        logged: dict[str, float] = {}
        start = perf_counter()
        reward(
            prompts=[one.problem.prompt for one in step],
            completions=[one.program or "" for one in step],
            task_id=[one.problem.task_id for one in step],
            log_metric=logged.__setitem__,
        )
        costs[name, "wall s"] = perf_counter() - start
        costs[name, "CPU s"] = logged["staged_reward/cpu_seconds"]
    return costs


if __name__ == "__main__":
    typer.run(main)
