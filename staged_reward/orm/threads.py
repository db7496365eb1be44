"""How many of torch's threads a pass on a CPU is worth.

Threads wait for one another after every operation, and they wait by spinning: a pass of few operations ends little sooner on
several, costs as many times the CPU seconds, and on a busy machine ends later than on one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

FLOPS_PER_THREAD = 2e9  # below, two threads take as long as one and twice the CPU seconds


@contextmanager
def threads_for(flops: float, device: torch.device) -> Iterator[int]:
    """Run with as many threads as a pass is worth, and at most as many as torch has; tell how many.

    Args:
        flops: Of the pass.
        device: It runs on; of others than a CPU nothing is changed.
    """
    before = torch.get_num_threads()
    wanted = min(before, 1 + int(flops / FLOPS_PER_THREAD))
    if device.type != "cpu":
        yield 1
        return
    if wanted == before:
        yield before
        return
    torch.set_num_threads(wanted)
    try:
        yield wanted
    finally:
        torch.set_num_threads(before)
