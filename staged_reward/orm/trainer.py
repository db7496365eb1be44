"""Trains an outcome reward model: TRL's `RewardTrainer` on pairs, and on whole groups with losses of `losses`.

What it adds to TRL: texts longer than the limit keep their end instead of being left out (and are counted), group losses,
the card beside every checkpoint, Best-of-n on held-out problems at every evaluation, and a mark that a checkpoint is whole,
so that a run which was killed while it wrote one goes on from the one before.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from trl import RewardTrainer

from staged_reward.calibration import Calibration
from staged_reward.checkpoints import MarkWhole, last_whole_checkpoint
from staged_reward.errors import InputError
from staged_reward.orm.card import OrmCard
from staged_reward.orm.encoding import encode, text_of
from staged_reward.orm.evaluation import evaluate_groups, texts_of_groups
from staged_reward.orm.groups import Group
from staged_reward.orm.losses import GROUP_LOSSES, LossName, pair_accuracy
from staged_reward.orm.pairs import Pair

RUN_FILE = "run.json"  # what a run is made of, beside its checkpoints


def pair_dataset(pairs: Sequence[Pair], tokenizer: Any, card: OrmCard) -> tuple[Dataset, int]:
    """Return pairs as tokens, as `RewardTrainer` takes them, and how many texts were cut."""
    columns: dict[str, list[list[int]]] = {}
    num_cut = 0
    for column, programs in (("chosen_ids", [p.chosen for p in pairs]), ("rejected_ids", [p.rejected for p in pairs])):
        columns[column], cut = _encode(tokenizer, [pair.prompt for pair in pairs], programs, card)
        num_cut += cut
    return Dataset.from_dict(columns), num_cut


def group_dataset(groups: Sequence[Group], tokenizer: Any, card: OrmCard) -> tuple[Dataset, int]:
    """Return groups as tokens: columns `ids` and `passed`, a list per problem; and how many texts were cut."""
    ids, num_cut = [], 0
    for group in groups:
        programs = [item.program for item in group.programs]
        rows, cut = _encode(tokenizer, [group.prompt] * len(programs), programs, card)
        ids.append(rows)
        num_cut += cut
    return Dataset.from_dict({"ids": ids, "passed": [[item.passed for item in g.programs] for g in groups]}), num_cut


def _encode(
    tokenizer: Any, prompts: Sequence[str], programs: Sequence[str], card: OrmCard
) -> tuple[list[list[int]], int]:
    texts = [
        text_of(prompt, program, card, tokenizer.eos_token) for prompt, program in zip(prompts, programs, strict=True)
    ]
    return encode(tokenizer, texts, card.max_length)


class GroupCollator:
    """Problems → one right-padded batch of all their programs.

    Returns `input_ids` and `attention_mask` (P × L), `passed` and `groups` (P).
    """

    def __init__(self, pad_token_id: int) -> None:
        self._pad_token_id = pad_token_id

    def __call__(self, problems: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        rows = [torch.tensor(ids) for problem in problems for ids in problem["ids"]]
        pad = torch.nn.utils.rnn.pad_sequence
        return {
            "input_ids": pad(rows, batch_first=True, padding_value=self._pad_token_id),
            "attention_mask": pad([torch.ones_like(row) for row in rows], batch_first=True),
            "passed": torch.tensor([passed for problem in problems for passed in problem["passed"]]),
            "groups": torch.tensor([number for number, problem in enumerate(problems) for _ in problem["ids"]]),
        }


class OrmTrainer(RewardTrainer):  # type: ignore[misc]  # TRL ships no types
    """`RewardTrainer` with group losses, a card and Best-of-n.

    Args:
        loss: `bradley_terry` takes `pair_dataset`, the others `group_dataset`.
        card: Saved with the weights.
        held_out: Problems for Best-of-n at every evaluation.
        settings: Of `RewardTrainer`. `processing_class` must have a pad token.
    """

    def __init__(self, *, loss: LossName, card: OrmCard, held_out: Sequence[Group] = (), **settings: Any) -> None:
        self._loss = GROUP_LOSSES.get(loss)
        self.card = card
        self._held_out = held_out
        self._texts = texts_of_groups(held_out, card, settings["processing_class"].eos_token)
        if self._loss is not None:
            settings["data_collator"] = GroupCollator(settings["processing_class"].pad_token_id)
        super().__init__(**settings)
        self.add_callback(MarkWhole())

    def _prepare_dataset(self, dataset: Any, *rest: Any) -> Any:
        return dataset if self._loss is not None else super()._prepare_dataset(dataset, *rest)

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        self._signature_columns += ["ids", "passed"]

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Return the loss of a batch, and note what `RewardTrainer` notes of pairs."""
        if self._loss is None:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        passed, groups = inputs.pop("passed"), inputs.pop("groups")
        outputs = model(**inputs, use_cache=False)
        scores = outputs.logits[:, 0].float()
        loss = self._loss(scores, passed, groups)
        self._note(scores.detach(), pair_accuracy(scores.detach(), passed, groups), inputs["attention_mask"].sum())
        return (loss, outputs) if return_outputs else loss

    def _note(self, scores: torch.Tensor, accuracy: torch.Tensor, num_tokens: torch.Tensor) -> None:
        mode = "train" if self.model.training else "eval"
        mine = torch.stack([scores.min(), scores.mean(), scores.max(), accuracy, num_tokens.float()])
        low, mean, high, right, tokens = self.accelerator.gather(mine[None]).T
        if mode == "train":
            self._total_train_tokens += int(tokens.sum())
        noted = {
            "min_reward": low.min(),
            "mean_reward": mean.mean(),
            "max_reward": high.max(),
            "accuracy": right.mean(),
        }
        for name, value in noted.items():
            self._metrics[mode][name].append(value.item())
        self._metrics[mode]["num_tokens"] = [self._total_train_tokens]

    def evaluate(self, *args: Any, metric_key_prefix: str = "eval", **settings: Any) -> dict[str, float]:
        """Evaluate as `RewardTrainer` does, then rank the held-out problems."""
        metrics = super().evaluate(*args, metric_key_prefix=metric_key_prefix, **settings)
        if self._held_out:
            was_training = self.model.training
            self.model.eval()
            ranked = {f"{metric_key_prefix}_{key}": value for key, value in self.rank_held_out()[0].items()}
            self.log(dict(ranked))
            self.model.train(was_training)
            metrics.update(ranked)
        return dict(metrics)

    def rank_held_out(self) -> tuple[dict[str, float], Calibration | None]:
        """Return pair accuracy and Best-of-n on the held-out problems, and the calibration on their samples."""
        model = (
            self.model
            if self.is_fsdp_enabled or self.is_deepspeed_enabled
            else self.accelerator.unwrap_model(self.model)
        )
        if hasattr(model, "get_base_model"):  # peft's wrapper; what it wraps has the adapters in its layers
            model = model.get_base_model()
        return evaluate_groups(model, self.processing_class, self._held_out, self._texts, self.card.max_length)

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        super()._save(output_dir, state_dict)
        self.card.save(output_dir or self.args.output_dir)


def refuse_other_run(output_dir: str | Path, made_of: Mapping[str, Any]) -> None:
    """Note what a run is made of in its folder; refuse to go on with the checkpoints of one that was made of something else.

    Args:
        output_dir: Of the checkpoints.
        made_of: What must not change between two starts, as JSON: digests of data, settings.

    Raises:
        InputError: It has changed; names what.
    """
    path = Path(output_dir) / RUN_FILE
    now = json.loads(json.dumps(made_of))
    if path.exists() and last_whole_checkpoint(output_dir):
        before = json.loads(path.read_text(encoding="utf-8"))
        changed = sorted(key for key in {*before, *now} if before.get(key) != now.get(key))
        if changed:
            raise InputError(
                f"{output_dir} holds checkpoints of another run, which differs in {', '.join(changed)}; "
                "give another output_dir, or remove it"
            )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(now, indent=2) + "\n", encoding="utf-8")
