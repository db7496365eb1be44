"""The seam between best-of-n and whatever generates: samples of a prompt come as they end, and can be dropped."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from staged_reward.errors import InputError

END_OF_FUNCTION = ("\nclass ", "\ndef ", "\nif ", "\nprint(")  # no more: servers take four
Prompt = str | Sequence[Mapping[str, str]]
"""Text to be continued, or chat messages to be answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How to sample. The defaults are the paper's (Orlanski et al., arXiv 2506.10056).

    Attributes:
        temperature: 0 takes the likeliest token each time.
        top_p: Nucleus.
        max_tokens: Of a sample.
        stop: Strings that end a sample; they are not part of it. None takes those that end a function where the prompt is a
            text to be gone on with, and none for an answer in a chat.
        seed: Sample i has the seed `seed` + i, whatever else is sampled. Seeds of two runs to be compared should be further
            apart than samples.
    """

    temperature: float = 0.8
    top_p: float = 0.95
    max_tokens: int = 1024
    stop: tuple[str, ...] | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < float("inf"):
            raise InputError(f"temperature={self.temperature}; give a finite number from 0")
        if not 0 < self.top_p <= 1:
            raise InputError(f"top_p={self.top_p}; give a number above 0, up to 1")
        if isinstance(self.max_tokens, bool) or self.max_tokens < 1:
            raise InputError(f"max_tokens={self.max_tokens}; give an integer from 1")
        if isinstance(self.stop, str) or not all(isinstance(text, str) and text for text in self.stop or ()):
            raise InputError(f"stop={self.stop!r}; give a sequence of texts that are not empty, or None")
        if self.seed < 0:
            raise InputError(f"seed={self.seed}; give a number from 0")

    def of(self, prompt: Prompt) -> Sampling:
        """Return how to sample for a prompt: with stop strings, where None stood."""
        if self.stop is not None:
            return self
        return replace(self, stop=END_OF_FUNCTION if isinstance(prompt, str) else ())


@dataclass(frozen=True, slots=True)
class Sample:
    """What a model wrote.

    Attributes:
        index: From 0; decides its seed.
        text: The continuation, or the answer, without the prompt.
        num_tokens: It has.
        is_cut: It ended at `max_tokens`.
    """

    index: int
    text: str
    num_tokens: int
    is_cut: bool = False


Event = Sample | BaseException | None
"""A sample that ended; a failure, after which nothing comes; or None: nothing more comes."""


class Run(Protocol):
    """The samples of one prompt that are being generated."""

    @property
    def num_tokens(self) -> int:
        """Tokens generated so far, those of dropped samples included."""

    def keep_below(self, index: int) -> None:
        """Drop the samples from this index on: those that have not ended stop as soon as they can."""


class Generator(Protocol):
    """A model that can be sampled from. Safe to call from several threads."""

    def start(
        self, prompt: Prompt, sampling: Sampling, indices: Sequence[int], deliver: Callable[[Event], None]
    ) -> Run:
        """Begin to generate, and return at once.

        Args:
            prompt: Text or messages.
            sampling: How.
            indices: Of the samples, ascending; each is one sample.
            deliver: Gets the samples as they end, then None, or a failure; on any thread.
        """

    def close(self) -> None:
        """Let go of the model."""
