"""Does it train? The same policy, data and seed with four rewards, and how often each policy solves held-out problems.

What it does: makes the easy problems of `staged_reward.examples.easy`, trains a policy with GRPO on one reward, and measures
it before, between and after on held-out problems, by their whole suites. One process trains one policy; `--draw` puts all
that lie in a folder into one picture. What it does not do: choose a learning rate, or stop early.

The rewards:
    full      every test of the suite
    one_test  syntax, lint and the first test
    staged    the same filters, and the reward model orders what survives
    ungated   the reward model alone, whatever a filter would say: the control that should fail

    python train/compare_rewards.py --config configs/compare/smollm2_135m.yaml reward=staged seed=1
    python train/compare_rewards.py --draw runs/compare
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from smollm2 import materialise
from tiny_model import tiny_model, tiny_tokenizer

from staged_reward import InputError, Problem, StagedReward, StagedVerifier, load_problems
from staged_reward.config import config_from_command_line
from staged_reward.examples.easy import write_easy_problems
from staged_reward.gate import Gate
from staged_reward.verifier import extract_all

FILTERS = ("syntax", "lint=ruff", "tests=1")
CURVE = "curve.jsonl"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One policy.

    Attributes:
        output_dir: Gets a folder `REWARD-SEED` with `curve.jsonl`, and the problems.
        reward: Of the four.
        seed: Of the policy's samples and the order of the problems.
        model: As in `train_grpo.py`.
        orm: Reward model of `staged` and `ungated`.
        num_tests: Per problem.
        eval_steps: Steps between two measurements on held-out problems.
        eval_samples: Per held-out problem.
        lora_rank: Of the adapters that are trained.
        groups_per_step: Problems of a step; each has `num_generations` completions.
    """

    output_dir: str
    reward: Literal["full", "one_test", "staged", "ungated"]
    seed: int = 1
    model: str = "smollm2-135m"
    orm: str = "default"
    num_tests: int = 120
    max_steps: int = 48
    eval_steps: int = 16
    eval_samples: int = 16
    groups_per_step: int = 2
    num_generations: int = 8
    max_completion_length: int = 24
    learning_rate: float = 3e-4
    lora_rank: int = 16
    temperature: float = 0.8
    workers: int = 1
    bf16: bool = False
    require_isolation: str = "confined"


class UngatedReward:
    """The control: a reward model's score for every program, squashed to (0, 1)."""

    def __init__(self, verifier: StagedVerifier, problems: Sequence[Problem]) -> None:
        self.__name__ = "staged_reward"
        assert verifier.scorer is not None
        self._scorer = verifier.scorer
        self._problems = {problem.task_id: problem for problem in problems}

    def __call__(self, prompts: Any, completions: Any, *, task_id: Any, log_metric: Any, **rest: Any) -> list[float]:
        """Reward as TRL asks for it, with the metrics that the picture needs."""
        wall, cpu = time.perf_counter(), time.thread_time()
        problems = [self._problems[name] for name in task_id]
        programs = [program or "" for program in extract_all(problems, completions)]
        scores = self._scorer.score([problem.prompt for problem in problems], programs)
        rewards = [0.5 + 0.5 * score / (1 + abs(score)) for score in scores]
        log_metric("staged_reward/seconds", time.perf_counter() - wall)
        log_metric("staged_reward/cpu_seconds", time.thread_time() - cpu)
        return rewards


def main(config: Settings) -> None:
    """Train one policy and leave its curve."""
    folder = Path(config.output_dir) / f"{config.reward}-{config.seed}"
    folder.mkdir(parents=True, exist_ok=True)
    train_file, held_out_file = write_easy_problems(Path(config.output_dir) / "problems", config.num_tests, seed=1)
    train, held_out = load_problems(train_file), load_problems(held_out_file)
    import transformers
    from datasets import Dataset
    from peft import LoraConfig
    from trl import GRPOConfig, GRPOTrainer

    transformers.set_seed(config.seed)
    model, tokenizer = _load(config)
    with _verifier(config) as verifier, StagedVerifier(("syntax",), full=True, workers=config.workers) as exact:
        curve = _Curve(folder / CURVE, config, held_out, tokenizer, exact)
        trainer = GRPOTrainer(
            model=model,
            peft_config=LoraConfig(r=config.lora_rank, lora_alpha=2 * config.lora_rank, target_modules="all-linear"),
            processing_class=tokenizer,
            reward_funcs=_reward(config, verifier, train),
            train_dataset=Dataset.from_list([{"prompt": p.prompt, "task_id": p.task_id} for p in train]),
            args=GRPOConfig(
                output_dir=str(folder),
                seed=config.seed,
                max_steps=config.max_steps,
                per_device_train_batch_size=config.groups_per_step * config.num_generations,
                num_generations=config.num_generations,
                max_completion_length=config.max_completion_length,
                learning_rate=config.learning_rate,
                temperature=config.temperature,
                lr_scheduler_type="constant_with_warmup",
                warmup_steps=2,
                scale_rewards="batch",
                beta=0.0,
                use_cpu=True,
                bf16=config.bf16,
                logging_steps=1,
                save_strategy="no",
                report_to="none",
            ),
        )
        trainer.add_callback(curve.callback())
        trainer.train()


class _Curve:
    """Writes one line per step, and one per measurement on held-out problems."""

    def __init__(
        self, path: Path, config: Settings, held_out: Sequence[Problem], tokenizer: Any, exact: StagedVerifier
    ) -> None:
        self._path, self._config, self._held_out = path, config, held_out
        self._tokenizer, self._exact = tokenizer, exact
        self._write({"config": asdict(config)}, mode="w")

    def callback(self) -> Any:
        from transformers import TrainerCallback

        curve = self

        class OnStep(TrainerCallback):  # type: ignore[misc]
            def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **rest: Any) -> None:
                curve.measure(model, 0)

            def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **rest: Any) -> None:
                curve.note(state.global_step, logs)

            def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **rest: Any) -> None:
                if state.global_step % curve._config.eval_steps == 0:
                    curve.measure(model, state.global_step)

        return OnStep()

    def note(self, step: int, logs: dict[str, float]) -> None:
        """Write what the verifier cost in a step."""
        if "staged_reward/cpu_seconds" in logs:
            kept = {key: value for key, value in logs.items() if isinstance(value, int | float)}
            self._write({"step": step, "logs": kept})

    def measure(self, model: Any, step: int) -> None:
        """Write the share of samples of each held-out problem that pass its whole suite."""
        import torch

        state = torch.get_rng_state()
        torch.manual_seed(1000 + step)
        model.eval()
        rates = {problem.task_id: self._pass_rate(model, problem) for problem in self._held_out}
        model.train()
        torch.set_rng_state(state)
        self._write({"step": step, "held_out": rates})

    def _pass_rate(self, model: Any, problem: Problem) -> float:
        import torch

        inputs = self._tokenizer([problem.prompt], return_tensors="pt")
        length = inputs["input_ids"].shape[1]
        with torch.no_grad():
            rows = model.generate(
                **inputs,
                do_sample=True,
                temperature=self._config.temperature,
                top_k=0,
                max_new_tokens=self._config.max_completion_length,
                num_return_sequences=self._config.eval_samples,
                pad_token_id=self._tokenizer.pad_token_id,
            )
        texts = self._tokenizer.batch_decode(rows[:, length:], skip_special_tokens=True)
        judgements = self._exact.verify_completions([problem] * len(texts), texts)
        return sum(judgement.passed for judgement in judgements) / len(judgements)

    def _write(self, row: dict[str, Any], mode: str = "a") -> None:
        with self._path.open(mode, encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def _reward(config: Settings, verifier: StagedVerifier, problems: Sequence[Problem]) -> Any:
    if config.reward == "ungated":
        return UngatedReward(verifier, problems)
    return StagedReward(verifier, problems=problems, gate=Gate())


def _verifier(config: Settings) -> StagedVerifier:
    scored = config.reward in ("staged", "ungated")
    return StagedVerifier(
        filters=("syntax",) if config.reward == "full" else FILTERS,
        full=config.reward == "full",
        orm=config.orm if scored else None,
        workers=config.workers,
        require_isolation=config.require_isolation,
    )


def _load(config: Settings) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    if config.model == "tiny":
        tokenizer = tiny_tokenizer()
        return tiny_model(tokenizer, seed=config.seed), tokenizer
    name = config.model
    if name == "smollm2-135m":
        name = str(materialise(Path(config.output_dir).parent / name))
    tokenizer = AutoTokenizer.from_pretrained(name, padding_side="left")
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    return AutoModelForCausalLM.from_pretrained(name), tokenizer


@dataclass(frozen=True)
class Run:
    """One policy's curve.

    Attributes:
        reward: It was trained with.
        held_out: Step → problem → share of samples that pass.
        cpu_seconds: Of verification, per step, in order.
        seconds: Of the reward, per step.
        step_seconds: Of whole steps.
    """

    reward: str
    held_out: dict[int, dict[str, float]]
    cpu_seconds: list[float]
    seconds: list[float]
    step_seconds: list[float]

    @classmethod
    def read(cls, path: Path) -> Run:
        """Read what `_Curve` wrote."""
        config, *rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        logs = [row["logs"] for row in rows if "logs" in row]
        return cls(
            config["config"]["reward"],
            {row["step"]: row["held_out"] for row in rows if "held_out" in row},
            [log["staged_reward/cpu_seconds"] for log in logs],
            [log["staged_reward/seconds"] for log in logs],
            [log["step_time"] for log in logs],
        )


def draw(folder: Path) -> None:
    """Print a table of all policies in a folder, and draw `curves.png` and `curves.svg` into it."""
    from matplotlib.figure import Figure
    from rich.console import Console
    from rich.table import Table

    from staged_reward.pareto.figures import LINES, save, shades_of
    from staged_reward.pareto.interval import over_problems

    runs: dict[str, list[Run]] = {}
    for path in sorted(folder.glob(f"*/{CURVE}")):
        run = Run.read(path)
        runs.setdefault(run.reward, []).append(run)
    if not runs:
        raise InputError(f"{folder} holds no policies; train some first")
    table = Table(title="Held-out problems solved, % of samples, and what the reward cost")
    for column in (
        "reward",
        "seeds",
        "before",
        "after",
        "after, 95 %",
        "against full, 95 %",
        "CPU s per step",
        "of a step",
    ):
        table.add_column(column, justify="left" if column == "reward" else "right")
    figure = Figure(figsize=(11.0, 4.5), layout="constrained")
    by_step, by_cost = figure.subplots(1, 2, sharey=True)
    for (reward, colour), line in zip(shades_of(list(runs)).items(), LINES, strict=False):
        same = runs[reward]
        steps = sorted(set.intersection(*(set(run.held_out) for run in same)))
        found = [over_problems(_rates(same, step)) for step in steps]
        cost = [float(np.mean([sum(run.cpu_seconds[:step]) for run in same])) for step in steps]
        for axes, x in ((by_step, steps), (by_cost, cost)):
            axes.plot(x, [100 * one.mean for one in found], color=colour, linestyle=line, marker="o", label=reward)
        low, high = [100 * one.low for one in found], [100 * one.high for one in found]
        by_step.fill_between(steps, low, high, color=colour, alpha=0.12, linewidth=0)
        against = over_problems(_rates(same, steps[-1]) - _rates(runs["full"], steps[-1])) if "full" in runs else None
        per_step = float(np.mean([np.mean(run.cpu_seconds) for run in same]))
        share = float(np.mean([np.sum(run.seconds) / np.sum(run.step_seconds) for run in same]))
        table.add_row(
            reward,
            str(len(same)),
            f"{100 * found[0].mean:.1f}",
            f"{100 * found[-1].mean:.1f}",
            f"{100 * found[-1].low:.1f} to {100 * found[-1].high:.1f}",
            (
                "-"
                if against is None
                else f"{100 * against.mean:+.1f}, {100 * against.low:+.1f} to {100 * against.high:+.1f}"
            ),
            f"{per_step:.3f}",
            f"{share:.1%}",
        )
    by_step.set_xlabel("step")
    by_step.set_ylabel("held-out samples that pass, %")
    by_cost.set_xlabel("CPU seconds of verification")
    by_cost.set_xscale("symlog")
    by_cost.set_xlim(left=0)
    by_cost.legend(frameon=False)
    for axes in (by_step, by_cost):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color="0.9", linewidth=0.8)
    Console(width=140).print(table)
    save(figure, folder, "curves")
    print(f"the picture: {folder / 'curves.png'}")


def _rates(runs: Sequence[Run], step: int) -> Any:
    """Return the shares at a step: a row per seed, a column per problem."""
    return np.array([[rate for _, rate in sorted(run.held_out[step].items())] for run in runs])


if __name__ == "__main__":
    try:
        if sys.argv[1:2] == ["--draw"] and len(sys.argv) == 3:
            draw(Path(sys.argv[2]))
        else:
            main(config_from_command_line(Settings, __doc__))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
