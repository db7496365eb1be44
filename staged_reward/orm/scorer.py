"""Scores programs with a sequence-classification checkpoint that has one label: prompt and program in, raw logit out.

What it does: builds the text as TRL's `RewardTrainer` does in training (EOS appended as text unless it is there, the
tokenizer's special tokens on, pad token = EOS where there is none), keeps the last `max_length` tokens, and computes each
distinct token prefix once (`packed`), in this call or an earlier one (`prefix_cache`), or length-sorted padded batches
where a model does not allow that (`padded`).
What it does not do: chat templates, activations, ranking.

A score depends on its own text alone, up to rounding: not on the batch around it or on the order of the input.
"""

from __future__ import annotations

import math
import threading
import time
import warnings
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from staged_reward.calibration import Calibration
from staged_reward.errors import InfraError, InputError
from staged_reward.orm.card import (
    Normalisation,
    OrmCard,
    calibration_of,
    check_positive,
    check_template,
    checkpoint_name,
)
from staged_reward.orm.checkpoint import Checkpoint, load_checkpoint
from staged_reward.orm.cost import ScoringCost, flops_of, peak_flops_per_second
from staged_reward.orm.encoding import encode, pooled, text_of

if TYPE_CHECKING:
    import torch

    from staged_reward.orm.prefix_cache import PrefixCache


class OrmScorer:
    """An outcome reward model, loaded on first use.

    Picklable: the copy loads its own model. Safe to call from several threads, one at a time runs.

    Attributes:
        cost: What the calls so far took.
    """

    def __init__(
        self,
        model: str | Path,
        *,
        max_length: int | None = None,
        max_tokens_per_batch: int | None = None,
        template: str | None = None,
        normalisation: Normalisation | None = None,
        device: str | None = None,
        dtype: torch.dtype | str | None = None,
        prefix_cache_mib: int = 64,
    ) -> None:
        """Say which checkpoint and how to run it; nothing is loaded yet.

        A checkpoint that this project trained says itself how to use it (`OrmCard`); for what is None here that is
        done, or the defaults of `OrmCard` where a checkpoint says nothing.

        Args:
            model: Folder or hub name of a sequence-classification checkpoint with one label, with its tokenizer; `default`
                is the small one that ships.
            max_length: Tokens kept of a text, from its end, EOS included. A lower limit of the model itself applies.
            max_tokens_per_batch: Tokens that go through the model at once, padding included; halved when memory runs
                out. None takes 1024 on a CPU, 8192 elsewhere.
            template: The text to score; `{prompt}` and `{program}` are replaced, every other brace stays as it is.
            normalisation: What is done to a program first, as in `OrmCard`.
            device: Where to run, e.g. `cuda:0`; None takes a GPU where there is one.
            dtype: Of the weights, e.g. `bfloat16`; None keeps float32 on a CPU and takes the checkpoint's own on a GPU.
            prefix_cache_mib: Memory, on the device, for what texts of earlier calls began with; 0 computes each call anew.

        Raises:
            InputError: A limit below 1, a negative memory, or a template without `{program}`.
        """
        for name, value in (("max_length", max_length), ("max_tokens_per_batch", max_tokens_per_batch)):
            if value is not None:
                check_positive(f"OrmScorer: {name}", value)
        if isinstance(prefix_cache_mib, bool) or prefix_cache_mib < 0:
            raise InputError(f"OrmScorer: prefix_cache_mib={prefix_cache_mib}; give 0 or more")
        if template is not None:
            check_template(template)
        self.model = checkpoint_name(model)
        self.max_length = max_length
        self.max_tokens_per_batch = max_tokens_per_batch
        self.template = template
        self.normalisation = normalisation
        self.device = device
        self.dtype = dtype
        self.prefix_cache_mib = prefix_cache_mib
        self.cost = ScoringCost()
        self._loaded: tuple[Checkpoint, OrmCard] | None = None
        self._prefixes: PrefixCache | None = None
        self._peak_flops_per_second = 0.0
        self._lock = threading.Lock()

    def score(self, prompts: Sequence[str], programs: Sequence[str]) -> list[float]:
        """Return the raw logit of each program; higher is better.

        Args:
            prompts: What the model that wrote the programs was shown; one per program.
            programs: Python sources.

        Returns:
            One finite float per program, in input order. Equal texts get equal scores: they are computed once.

        Raises:
            InputError: The lengths differ, or the checkpoint cannot be used, or not as asked for.
            InfraError: A logit is not finite; names the program's index. Or memory runs out for the smallest pass.
        """
        return self.score_with_cost(prompts, programs)[0]

    def score_with_cost(self, prompts: Sequence[str], programs: Sequence[str]) -> tuple[list[float], ScoringCost]:
        """Return what `score` does, and what it took."""
        if len(prompts) != len(programs):
            raise InputError(f"OrmScorer: {len(prompts)} prompts for {len(programs)} programs; give one prompt each")
        cost = ScoringCost(programs=len(programs))
        if not programs:
            return [], cost
        with self._lock:
            checkpoint, card = self._load()
            start, start_cpu = time.perf_counter(), time.thread_time()
            eos_token = checkpoint.tokenizer.eos_token
            texts = [text_of(*pair, card, eos_token) for pair in zip(prompts, programs, strict=True)]
            prompt_of = dict(zip(texts, prompts, strict=True))
            cost.distinct_programs = len(prompt_of)
            reuse = None if self._prefixes is None else Reuse(self._prefixes, list(prompt_of.values()))
            logits = score_texts(checkpoint, list(prompt_of), card.max_length, cost, reuse)
            logit_of = dict(zip(prompt_of, logits, strict=True))
            cost.seconds = time.perf_counter() - start
            cost.cpu_seconds += time.thread_time() - start_cpu
            cost.possible_flops = cost.seconds * self._peak_flops_per_second
            self.cost = self.cost + cost  # another object: who reads it on another thread sees whole calls
        scores = [logit_of[text] for text in texts]
        refuse_non_finite(scores, self.model)
        return scores, cost

    def is_on_gpu(self) -> bool:
        """Whether the model runs on a GPU; it is loaded to find out, and waits for no pass that is under way."""
        if self._loaded is None:
            with self._lock:
                self._load()
        assert self._loaded is not None
        return bool(self._loaded[0].model.device.type == "cuda")

    @cached_property
    def calibration(self) -> Calibration | None:
        """What the checkpoint says of it; nothing is loaded to find out."""
        return calibration_of(self.model)

    def card(self) -> OrmCard:
        """Return how this scorer uses its checkpoint, which is loaded for it.

        Raises:
            InputError: It cannot be used, or not as asked for.
        """
        with self._lock:
            return self._load()[1]

    def _load(self) -> tuple[Checkpoint, OrmCard]:
        if self._loaded is None:
            checkpoint = load_checkpoint(self.model, self.device, self.dtype, self.max_tokens_per_batch)
            from staged_reward.orm.prefix_cache import PrefixCache

            self._loaded = checkpoint, self._agree(OrmCard.of(self.model), checkpoint)
            self._peak_flops_per_second = peak_flops_per_second(checkpoint.model.device, checkpoint.model.dtype)
            self._prefixes = PrefixCache(self.prefix_cache_mib << 20) if self.prefix_cache_mib else None
        return self._loaded

    def _agree(self, stated: OrmCard | None, checkpoint: Checkpoint) -> OrmCard:
        """Return how to use the checkpoint: as it says, and as was asked for, where the two fit."""
        if stated is not None:
            for name in ("template", "normalisation"):
                asked, said = getattr(self, name), getattr(stated, name)
                if asked not in (None, said):
                    raise InputError(
                        f"OrmScorer: {name}={asked!r}, but {self.model!r} was trained with {said!r}; leave it out"
                    )
            if stated.eos_token not in (None, checkpoint.tokenizer.eos_token):
                raise InputError(
                    f"OrmScorer: {self.model!r} was trained with the EOS {stated.eos_token!r}, but its tokenizer has "
                    f"{checkpoint.tokenizer.eos_token!r}; restore the tokenizer that was saved with it"
                )
            if self.max_length is not None and self.max_length != stated.max_length:
                warnings.warn(
                    f"OrmScorer: max_length={self.max_length}, but {self.model!r} was trained with {stated.max_length}",
                    stacklevel=4,
                )
        card = stated or OrmCard()
        return OrmCard(
            template=self.template or card.template,
            max_length=self.max_length or card.max_length,
            normalisation=self.normalisation or card.normalisation,
            eos_token=checkpoint.tokenizer.eos_token,
            calibration=card.calibration,
        )

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_loaded": None, "_prefixes": None, "_lock": None, "cost": ScoringCost()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())


class Reuse(NamedTuple):
    """What may be known of texts beforehand.

    Attributes:
        cache: Of their model.
        prompts: One per text; texts of one prompt begin alike.
    """

    cache: PrefixCache
    prompts: Sequence[str]


def score_texts(
    checkpoint: Checkpoint,
    texts: Sequence[str],
    max_length: int,
    cost: ScoringCost,
    reuse: Reuse | None = None,
) -> list[float]:
    """Return the logit of each text, EOS included, and note in `cost` what it took but for the time of this thread.

    Args:
        checkpoint: The model.
        texts: To be scored.
        max_length: Tokens kept of a text, from its end.
        cost: Gets the sums.
        reuse: What earlier calls computed with the same weights; None where it is not looked at, and nothing is kept.
    """
    from staged_reward.orm.packed import leaf_logits
    from staged_reward.orm.padded import padded_logits
    from staged_reward.orm.prefix_cache import Stems
    from staged_reward.orm.threads import threads_for
    from staged_reward.orm.trie import TokenTrie

    encoded, cost.truncated = encode(checkpoint.tokenizer, texts, min(max_length, checkpoint.max_positions))
    rows = [pooled(row, checkpoint.pad_token_id) for row in encoded]
    trie = TokenTrie.of(rows)
    cost.tokens, cost.distinct_prefixes = sum(map(len, rows)), len(trie)
    config = checkpoint.model.config.get_text_config()
    if checkpoint.decoder is not None:
        stems = None if reuse is None else Stems(trie, reuse.prompts, reuse.cache)
        num_new = len(trie) if stems is None else len(trie) - len(stems.known_K)
        flops = flops_of(config, checkpoint.num_weights, num_new, 0)
        with threads_for(flops, checkpoint.model.device) as num_threads:
            process, thread = time.process_time(), time.thread_time()
            logits, computed = leaf_logits(checkpoint.decoder, trie, checkpoint.budget, stems)
            if num_threads > 1:
                cost.cpu_seconds += (time.process_time() - process) - (time.thread_time() - thread)
        cost.computed, cost.reused = len(computed), len(trie) - len(computed)
        attended = int(trie.depths[computed].sum()) + len(computed)
        _rescore_alone(checkpoint, rows, logits)
    else:
        logits, cost.computed = padded_logits(checkpoint.model, rows, checkpoint.pad_token_id, checkpoint.budget)
        cost.padding = cost.computed - cost.tokens
        attended = sum(len(row) * (len(row) + 1) // 2 for row in rows)
    cost.flops = flops_of(config, checkpoint.num_weights, cost.computed, attended)
    return logits


def _rescore_alone(checkpoint: Checkpoint, rows: Sequence[Sequence[int]], logits: list[float]) -> None:
    """Score by itself what came out as no number: one program's NaN spreads over all that go through the model with it."""
    from staged_reward.orm.memory import Budget
    from staged_reward.orm.padded import padded_logits

    bad = [index for index, logit in enumerate(logits) if not math.isfinite(logit)]
    alone, _ = padded_logits(checkpoint.model, [rows[i] for i in bad], checkpoint.pad_token_id, Budget(1))
    for index, logit in zip(bad, alone, strict=True):
        logits[index] = logit


def refuse_non_finite(scores: Sequence[float], name: str) -> None:
    """Refuse logits that are no numbers.

    Raises:
        InfraError: One is; names the program's index.
    """
    bad = [index for index, score in enumerate(scores) if not math.isfinite(score)]
    if bad:
        raise InfraError(
            f"OrmScorer: {name!r} gave score {scores[bad[0]]} for program index {bad[0]}; check its weights and dtype"
        )
