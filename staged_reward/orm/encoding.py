"""Prompt and program → the tokens that a reward model reads: the same in training and in scoring.

The template is filled, EOS is appended as text unless it is there (as TRL's `RewardTrainer` does), the tokenizer adds its
special tokens, and the last `max_length` tokens are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from staged_reward.normalise import ast_format, black_format
from staged_reward.orm.card import PROGRAM, PROMPT, Normalisation, OrmCard

_FORMATS: dict[Normalisation, Callable[[str], str]] = {"none": str, "black": black_format, "ast": ast_format}


def text_of(prompt: str, program: str, card: OrmCard, eos_token: str | None) -> str:
    """Return the text of a program, EOS included."""
    text = fill(card.template, prompt, _FORMATS[card.normalisation](program))
    eos = eos_token or ""
    return text if text.endswith(eos) else text + eos


def fill(template: str, prompt: str, program: str) -> str:
    """Return the template with both in their places.

    It is split first: a prompt that contains the characters `{program}` is not filled in. Lone surrogates, which no
    tokenizer encodes, become question marks.
    """
    parts = [part.replace(PROMPT, prompt) for part in template.split(PROGRAM)]
    return program.join(parts).encode("utf-8", "replace").decode("utf-8")


def pooled(row: Sequence[int], pad_token_id: int) -> list[int]:
    """Return a row up to the token whose output counts: the last that is not the pad token, as transformers pools."""
    last = len(row)
    while last > 1 and row[last - 1] == pad_token_id:
        last -= 1
    return list(row[:last]) or [pad_token_id]


def encode(tokenizer: Any, texts: Sequence[str], max_length: int) -> tuple[list[list[int]], int]:
    """Return the token ids of each text, and how many texts were longer and lost their beginning."""
    rows = tokenizer(text=list(texts))["input_ids"]
    return [row[-max_length:] for row in rows], sum(len(row) > max_length for row in rows)
