"""Loads a sequence-classification checkpoint with one label, model and tokenizer agreeing on the pad token.

What it does: refuses what is no reward model, and sets the pad token as TRL's `RewardTrainer` does. What it does not
do: run the model.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from staged_reward.errors import InputError

if TYPE_CHECKING:
    import torch


class Checkpoint(NamedTuple):
    """A model in inference mode and what is needed to feed it."""

    model: Any
    tokenizer: Any
    pad_token_id: int
    max_positions: int


def load_checkpoint(name: str, device: str | None, dtype: torch.dtype | str | None) -> Checkpoint:
    """Load model and tokenizer.

    Args:
        name: Folder or hub name.
        device: None takes a GPU where there is one.
        dtype: None keeps float32 on a CPU and takes the checkpoint's own on a GPU.

    Raises:
        InputError: There is no such checkpoint, it has not exactly one label, its head has no weights, or its tokenizer
            has neither pad nor EOS token.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    dtype = dtype or ("auto" if device.startswith("cuda") else torch.float32)
    try:
        config = AutoConfig.from_pretrained(name)
        _refuse_labels(config, name)
        tokenizer = AutoTokenizer.from_pretrained(name)
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
    pad_token_id = _set_pad_token(tokenizer, model.config, name)
    model.config.use_cache = False  # keys and values of earlier tokens are never asked for again
    positions = min(tokenizer.model_max_length, getattr(config.get_text_config(), "max_position_embeddings", math.inf))
    return Checkpoint(model.to(device).eval().requires_grad_(False), tokenizer, pad_token_id, int(positions))


def _refuse_labels(config: Any, name: str) -> None:
    if config.num_labels != 1:
        raise InputError(
            f"OrmScorer: {name!r} has num_labels={config.num_labels}; an ORM has one label, save it with num_labels=1"
        )


def _set_pad_token(tokenizer: Any, config: Any, name: str) -> int:
    """Do as `RewardTrainer` does: the pad token is the tokenizer's, else EOS, and the model pools before it."""
    if tokenizer.pad_token is None:
        if tokenizer.eos_token is None:
            raise InputError(
                f"OrmScorer: the tokenizer of {name!r} has neither pad_token nor eos_token; set one and save it"
            )
        tokenizer.pad_token = tokenizer.eos_token
    config.get_text_config().pad_token_id = tokenizer.pad_token_id
    return int(tokenizer.pad_token_id)
