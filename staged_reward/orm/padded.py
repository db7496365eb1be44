"""Runs a sequence-classification model over right-padded batches, longest rows first, under a token budget.

For models that cannot be packed (`transformers_decoder.can_pack`): sliding windows, linear attention, encoders. Packed
scoring computes a third of the tokens and gives the same scores.

Axes: B rows of one batch, L tokens.
Source: Orlanski et al. (arXiv 2506.10056), token-budget batches.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from staged_reward.orm.memory import Budget, is_out_of_memory


def padded_logits(
    model: Any, rows: Sequence[Sequence[int]], pad_token_id: int, budget: Budget
) -> tuple[list[float], int]:
    """Return one logit per row, and how many tokens were computed, padding included.

    Raises:
        InfraError: Memory runs out even for a few tokens.
    """
    logits = [math.nan] * len(rows)
    computed = 0
    pending = sorted(range(len(rows)), key=lambda i: (-len(rows[i]), i))
    while pending:
        batch = next(batches([len(rows[i]) for i in pending], budget.tokens))
        chosen = [pending[i] for i in batch]
        try:
            found = _forward(model, [rows[i] for i in chosen], pad_token_id)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            budget.halve(error)
            continue
        computed += len(chosen) * len(rows[chosen[0]])
        for index, logit in zip(chosen, found, strict=True):
            logits[index] = logit
        pending = pending[len(batch) :]
    return logits, computed


def batches(lengths: Sequence[int], max_tokens: int) -> Iterator[list[int]]:
    """Yield batches of indices, longest first, with B × L at most the budget or B = 1."""
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        if batch and (len(batch) + 1) * lengths[batch[0]] > max_tokens:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def _forward(model: Any, rows: Sequence[Sequence[int]], pad_token_id: int) -> list[float]:
    """Run one batch; rows come longest first."""
    width = len(rows[0])
    input_ids_BL = torch.full((len(rows), width), pad_token_id, dtype=torch.long)
    attention_mask_BL = torch.zeros((len(rows), width), dtype=torch.long)
    for row, ids in enumerate(rows):
        input_ids_BL[row, : len(ids)] = torch.tensor(ids, dtype=torch.long)
        attention_mask_BL[row, : len(ids)] = 1
    with torch.inference_mode():
        output = model(
            input_ids=input_ids_BL.to(model.device), attention_mask=attention_mask_BL.to(model.device), use_cache=False
        )
    logits: list[float] = output.logits[:, 0].float().tolist()
    return logits
