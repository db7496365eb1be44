"""Scores programs with a sequence-classification checkpoint that has one label: prompt and program in, raw logit out.

What it does: builds the text as TRL's `RewardTrainer` does in training (EOS appended as text unless it is there, the
tokenizer's special tokens on, pad token = EOS where there is none), keeps the last `max_length` tokens, and runs
length-sorted, right-padded batches under a token budget. What it does not do: chat templates, activations, ranking.

A score depends on its own text alone, not on the batch around it or on the order of the input.

Axes: B programs of one batch, L tokens.
Source of the batching: Orlanski et al. (arXiv 2506.10056), token-budget batches; the last tokens are kept, as there.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from staged_reward.errors import InfraError, InputError
from staged_reward.orm.checkpoint import Checkpoint, load_checkpoint

if TYPE_CHECKING:
    import torch


class OrmScorer:
    """An outcome reward model, loaded on first use.

    Picklable: the copy loads its own model. Safe to call from several threads, one at a time runs.
    """

    def __init__(
        self,
        model: str | Path,
        *,
        max_length: int = 2048,
        max_batch_tokens: int = 16384,
        template: str = "{prompt}\n{program}",
        device: str | None = None,
        dtype: torch.dtype | str | None = None,
    ) -> None:
        """Say which checkpoint and how to run it; nothing is loaded yet.

        Args:
            model: Folder or hub name of a sequence-classification checkpoint with one label, with its tokenizer.
            max_length: Tokens kept of a text, from its end, EOS included. A lower limit of the model itself applies.
            max_batch_tokens: Upper limit of B × L of a padded batch. A text that is longer goes alone.
            template: The text to score; `{prompt}` and `{program}` are replaced, every other brace stays as it is.
            device: Where to run, e.g. `cuda:0`; None takes a GPU where there is one.
            dtype: Of the weights, e.g. `bfloat16`; None keeps float32 on a CPU and takes the checkpoint's own on a GPU.

        Raises:
            InputError: A limit below 1, or a template without `{program}`.
        """
        for name, value in (("max_length", max_length), ("max_batch_tokens", max_batch_tokens)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise InputError(f"OrmScorer: {name}={value!r}; give an integer of at least 1")
        if "{program}" not in template:
            raise InputError(f"OrmScorer: template={template!r} has no {{program}}; the score would ignore the program")
        self.model = str(model)
        self.max_length = max_length
        self.max_batch_tokens = max_batch_tokens
        self.template = template
        self.device = device
        self.dtype = dtype
        self._loaded: Checkpoint | None = None
        self._lock = threading.Lock()

    def score(self, prompts: Sequence[str], programs: Sequence[str]) -> list[float]:
        """Return the raw logit of each program; higher is better.

        Args:
            prompts: What the model that wrote the programs was shown; one per program.
            programs: Python sources.

        Returns:
            One finite float per program, in input order. Equal texts get equal scores: they are computed once.

        Raises:
            InputError: The lengths differ, or the checkpoint cannot be used.
            InfraError: A logit is not finite; names the program's index.
        """
        if len(prompts) != len(programs):
            raise InputError(f"OrmScorer: {len(prompts)} prompts for {len(programs)} programs; give one prompt each")
        if not programs:
            return []
        with self._lock:
            loaded = self._load()
            texts = [self._text(*pair, loaded) for pair in zip(prompts, programs, strict=True)]
            distinct = list(dict.fromkeys(texts))
            logit_of = dict(zip(distinct, self._logits(distinct, loaded), strict=True))
        scores = [logit_of[text] for text in texts]
        _refuse_non_finite(scores, self.model)
        return scores

    def _text(self, prompt: str, program: str, loaded: Checkpoint) -> str:
        # Split first: a prompt that contains the characters {program} must not be filled in.
        parts = [part.replace("{prompt}", prompt) for part in self.template.split("{program}")]
        text = _without_surrogates(program.join(parts))
        eos = loaded.tokenizer.eos_token or ""
        return text if text.endswith(eos) else text + eos

    def _logits(self, texts: Sequence[str], loaded: Checkpoint) -> list[float]:
        length = min(self.max_length, loaded.max_positions)
        ids = [row[-length:] or [loaded.pad_token_id] for row in loaded.tokenizer(text=list(texts))["input_ids"]]
        logits = [math.nan] * len(ids)
        for batch in _batches([len(row) for row in ids], self.max_batch_tokens):
            for index, logit in zip(batch, _forward([ids[i] for i in batch], loaded), strict=True):
                logits[index] = logit
        return logits

    def _load(self) -> Checkpoint:
        if self._loaded is None:
            self._loaded = load_checkpoint(self.model, self.device, self.dtype)
        return self._loaded

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_loaded": None, "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())


def _batches(lengths: Sequence[int], max_batch_tokens: int) -> Iterator[list[int]]:
    """Yield batches of indices, longest first, with B × L at most the budget or B = 1."""
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        if batch and (len(batch) + 1) * lengths[batch[0]] > max_batch_tokens:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def _forward(rows: Sequence[Sequence[int]], loaded: Checkpoint) -> list[float]:
    """Run one right-padded batch; rows come longest first."""
    import torch

    width = len(rows[0])
    input_ids_BL = torch.full((len(rows), width), loaded.pad_token_id, dtype=torch.long)
    attention_mask_BL = torch.zeros((len(rows), width), dtype=torch.long)
    for row, ids in enumerate(rows):
        input_ids_BL[row, : len(ids)] = torch.tensor(ids, dtype=torch.long)
        attention_mask_BL[row, : len(ids)] = 1
    device = loaded.model.device
    try:
        with torch.inference_mode():
            output = loaded.model(input_ids=input_ids_BL.to(device), attention_mask=attention_mask_BL.to(device))
    except torch.OutOfMemoryError as error:
        shape = f"{len(rows)} x {width} tokens"
        raise InfraError(f"OrmScorer: no memory left on {device} for {shape}; lower max_batch_tokens") from error
    logits: list[float] = output.logits[:, 0].float().tolist()
    return logits


def _refuse_non_finite(scores: Sequence[float], name: str) -> None:
    bad = [index for index, score in enumerate(scores) if not math.isfinite(score)]
    if bad:
        raise InfraError(
            f"OrmScorer: {name!r} gave score {scores[bad[0]]} for program index {bad[0]}; check its weights and dtype"
        )


def _without_surrogates(text: str) -> str:
    """Replace lone surrogates, which no tokenizer encodes."""
    return text.encode("utf-8", "replace").decode("utf-8")
