"""Loads a sequence-classification checkpoint with one label, model and tokenizer agreeing on the pad token.

What it does: refuses what is no reward model, sets the pad token as TRL's `RewardTrainer` does, and tries out whether the
model may be run over a packed trie. What it does not do: score programs.
"""

from __future__ import annotations

import contextlib
import copy
import math
import os
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from staged_reward.errors import InputError
from staged_reward.orm.cost import weights_of

if TYPE_CHECKING:
    import torch

    from staged_reward.orm.memory import Budget
    from staged_reward.orm.packed import Decoder

TOKENS_ON_CPU, TOKENS_ON_GPU = 1024, 8192
TRIAL_TOKENS = 160  # of a pass: several blocks of attention, the last one filled up, and a second pass
TOLERANCE = 1e-3  # of the two ways of scoring, in float32, relative above 1


class Checkpoint(NamedTuple):
    """A model in inference mode and what is needed to feed it.

    Attributes:
        model: With a head of one label.
        tokenizer: With a pad token.
        pad_token_id: Of both.
        max_positions: The longest text that the model takes.
        decoder: Takes a trie of texts through it at once; None where that cannot be done.
        budget: Tokens of one pass.
        num_weights: As `cost.weights_of` counts them.
    """

    model: Any
    tokenizer: Any
    pad_token_id: int
    max_positions: int
    decoder: Decoder | None
    budget: Budget
    num_weights: int


def _local_rank() -> int:
    """Return this process' number among those of its machine. A thread of its own would take the first GPU else."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def load_checkpoint(
    name: str, device: str | None, dtype: torch.dtype | str | None, max_tokens_per_batch: int | None = None
) -> Checkpoint:
    """Load model and tokenizer.

    Args:
        name: Folder or hub name.
        device: None takes a GPU where there is one: that of this process' rank on its machine.
        dtype: None keeps float32 on a CPU and takes the checkpoint's own on a GPU.
        max_tokens_per_batch: Of one pass; None takes what suits the device.

    Raises:
        InputError: There is no such checkpoint, it has not exactly one label, its head has no weights, or its tokenizer
            has neither pad nor EOS token.
    """
    _refuse_impossible(name)
    import torch
    from safetensors import SafetensorError
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

    device = device or (f"cuda:{_local_rank() % torch.cuda.device_count()}" if torch.cuda.is_available() else "cpu")
    dtype = dtype or ("auto" if device.startswith("cuda") else torch.float32)
    try:
        config = AutoConfig.from_pretrained(name)
        _refuse_labels(config, name)
        tokenizer = AutoTokenizer.from_pretrained(name)
        with _without_progress_bar():
            model, info = AutoModelForSequenceClassification.from_pretrained(
                name, config=config, dtype=dtype, output_loading_info=True
            )
    except (OSError, ValueError, SafetensorError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"OrmScorer: cannot load {name!r}: {error}; give a folder that save_pretrained wrote"
        ) from error
    if info["missing_keys"]:
        raise InputError(
            f"OrmScorer: {name!r} lacks the weights {sorted(info['missing_keys'])}; train the reward head first"
        )
    set_pad_token(tokenizer, model.config, name)
    model.config.use_cache = False  # keys and values of earlier tokens are never asked for again
    model = model.to(device).eval().requires_grad_(False)
    checkpoint = checkpoint_of(model, tokenizer, max_tokens_per_batch)
    return checkpoint._replace(decoder=_fastest_decoder(checkpoint, name))


def _refuse_impossible(name: str) -> None:
    """Refuse what is neither a folder nor a hub name, before anything large is imported."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    if os.path.isdir(name):
        return
    try:
        validate_repo_id(name)
    except HFValidationError as error:
        raise InputError(
            f"OrmScorer: {name!r} is no folder here, and no hub name either; give a folder that save_pretrained wrote"
        ) from error


@contextlib.contextmanager
def _without_progress_bar() -> Iterator[None]:
    """Keep transformers' bar for the loading of weights out of other programs' output."""
    from transformers.utils import logging

    was_shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if was_shown:
            logging.enable_progress_bar()


def checkpoint_of(model: Any, tokenizer: Any, max_tokens_per_batch: int | None = None) -> Checkpoint:
    """Return a model that is in memory with its tokenizer, which agree on the pad token."""
    from staged_reward.orm.memory import Budget
    from staged_reward.orm.transformers_decoder import TransformersDecoder, can_pack

    limit = getattr(model.config.get_text_config(), "max_position_embeddings", math.inf)
    budget = Budget(max_tokens_per_batch or (TOKENS_ON_GPU if model.device.type == "cuda" else TOKENS_ON_CPU))
    positions = int(min(tokenizer.model_max_length, limit))
    decoder = TransformersDecoder(model) if can_pack(model) else None
    return Checkpoint(model, tokenizer, tokenizer.pad_token_id, positions, decoder, budget, weights_of(model))


def _fastest_decoder(checkpoint: Checkpoint, name: str) -> Decoder | None:
    """Return the fastest way over packed tries that gives the same logits as a padded batch; None where there is none.

    That is tried in float32, on a copy where the model has another type: in bfloat16 two right ways differ by as much as
    a wrong one might. Where there is no memory for the copy, the model is run over padded batches.
    """
    import torch

    from staged_reward.orm.memory import is_out_of_memory

    model, pad_token_id = checkpoint.model, checkpoint.pad_token_id
    if checkpoint.decoder is None:
        return None
    rows = [row[: checkpoint.max_positions] for row in _trial_rows(pad_token_id)]
    try:
        twin = model if model.dtype == torch.float32 else copy.deepcopy(model).float()
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        warnings.warn(f"OrmScorer: no memory to try out {name!r} over packed programs; they are padded", stacklevel=2)
        return None
    for make in _decoders(model):
        decoder = _agreeing(make, twin, rows, pad_token_id)
        if decoder is not None:
            return decoder if twin is model else make(model)
    warnings.warn(f"OrmScorer: {name!r} cannot be run over packed programs; it is run over padded ones", stacklevel=2)
    return None


def _decoders(model: Any) -> Iterator[Callable[[Any], Decoder]]:
    """Yield what runs a model like this, or a copy of it, over packed tries, the fastest first."""
    from staged_reward.orm import tree_attention
    from staged_reward.orm.fused_decoder import FusedDecoder, is_like_llama
    from staged_reward.orm.transformers_decoder import TransformersDecoder

    usual, device = model.config._attn_implementation, model.device.type

    def through_transformers(attention: str, one: Any) -> Decoder:
        one.set_attn_implementation(attention)
        return TransformersDecoder(one)

    if device == "cpu" and is_like_llama(model):
        yield FusedDecoder
    if device in ("cpu", "cuda"):
        yield partial(through_transformers, tree_attention.NAME if device == "cpu" else "flex_attention")
    yield partial(through_transformers, usual)


def _trial_rows(pad_token_id: int) -> list[list[int]]:
    a, b, c = [token for token in range(4) if token != pad_token_id][:3]
    return [
        [a],
        [a, b, a],
        [a, b, c, c],
        [a, b, c, b, a],
        [b] * 20,
        *([c, a] * 40 + [b, a] * n for n in range(9, 60, 10)),
    ]


def _agreeing(make: Callable[[Any], Decoder], model: Any, rows: list[list[int]], pad_token_id: int) -> Decoder | None:
    """Return the decoder of a model, if it gives the logits of padded batches."""
    from staged_reward.orm.memory import Budget
    from staged_reward.orm.packed import leaf_logits
    from staged_reward.orm.padded import padded_logits
    from staged_reward.orm.trie import TokenTrie

    try:
        decoder = make(model)
        packed, _ = leaf_logits(decoder, TokenTrie.of(rows), Budget(TRIAL_TOKENS))
    except (RuntimeError, TypeError, ValueError, AttributeError):  # a model whose layers take no such mask or cache
        return None
    padded, _ = padded_logits(model, rows, pad_token_id, Budget(1 << 10))
    agrees = all(
        not math.isfinite(y) or abs(x - y) <= TOLERANCE * max(1.0, abs(y)) for x, y in zip(packed, padded, strict=True)
    )
    return decoder if agrees else None


def _refuse_labels(config: Any, name: str) -> None:
    if config.num_labels != 1:
        raise InputError(
            f"OrmScorer: {name!r} has num_labels={config.num_labels}; an ORM has one label, save it with num_labels=1"
        )


def set_pad_token(tokenizer: Any, config: Any, name: str) -> int:
    """Do as `RewardTrainer` does: the pad token is the tokenizer's, else EOS, and the model pools before it.

    Raises:
        InputError: The tokenizer has neither.
    """
    if tokenizer.pad_token is None:
        if tokenizer.eos_token is None:
            raise InputError(
                f"OrmScorer: the tokenizer of {name!r} has neither pad_token nor eos_token; set one and save it"
            )
        tokenizer.pad_token = tokenizer.eos_token
    config.get_text_config().pad_token_id = tokenizer.pad_token_id
    return int(tokenizer.pad_token_id)
