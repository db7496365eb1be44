"""A generator without a model: it delivers given texts in a given order, and fails as it is told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from staged_reward.generation.generator import Event, Prompt, Sample, Sampling


class FakeRun:
    """Samples under way, delivered by a thread; a word is a token."""

    def __init__(self) -> None:
        self.num_tokens = 0
        self.end = float("inf")
        self.dropped_below: list[int] = []

    def keep_below(self, index: int) -> None:
        """Drop the samples from this index on."""
        self.end = min(self.end, index)
        self.dropped_below.append(index)


class FakeGenerator:
    """Delivers texts.

    Args:
        texts: By index; for each prompt the same.
        order: In which indices end; None for the ascending one.
        fault: Delivered after `fault_after` samples.
        pause: Called before each sample, with its index.
    """

    def __init__(
        self,
        texts: Sequence[str],
        *,
        order: Sequence[int] | None = None,
        fault: BaseException | None = None,
        fault_after: int = 0,
        pause: Callable[[int], None] = lambda index: None,
    ) -> None:
        self.texts, self.order, self.fault, self.fault_after, self.pause = texts, order, fault, fault_after, pause
        self.prompts: list[Prompt] = []
        self.runs: list[FakeRun] = []

    def start(
        self, prompt: Prompt, sampling: Sampling, indices: Sequence[int], deliver: Callable[[Event], None]
    ) -> FakeRun:
        """Begin to deliver."""
        run = FakeRun()
        self.prompts.append(prompt)
        self.runs.append(run)
        threading.Thread(target=self._deliver, args=(run, indices, deliver), daemon=True).start()
        return run

    def _deliver(self, run: FakeRun, indices: Sequence[int], deliver: Callable[[Event], None]) -> None:
        wanted = [index for index in self.order or indices if index in indices and index < len(self.texts)]
        for num, index in enumerate(wanted):
            if self.fault is not None and num == self.fault_after:
                deliver(self.fault)
                return
            self.pause(index)
            if index < run.end:
                run.num_tokens += len(self.texts[index].split())
                deliver(Sample(index, self.texts[index], len(self.texts[index].split())))
        deliver(self.fault)

    def close(self) -> None:
        """Nothing is held."""
