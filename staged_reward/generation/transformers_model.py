"""Generates with `transformers`, where there is neither vLLM nor a server: slow, and everything works.

Samples of a prompt are made a few at once. A sample has a random generator of its own, so that it is the same whatever is
sampled beside it; dropped samples are left out of the next batch, and a batch of which none is wanted any more stops.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from staged_reward.errors import InfraError, InputError
from staged_reward.generation.generator import Event, Prompt, Sample, Sampling


class TransformersModel:
    """A causal language model in this process. It is loaded at the first sample; one prompt is sampled at a time.

    Args:
        model: Folder or hub name.
        batch_size: Samples at once.
        device: Where; None takes a GPU where there is one.
        dtype: Of the weights, such as `bfloat16`; None keeps the checkpoint's.
    """

    def __init__(
        self, model: str, *, batch_size: int = 16, device: str | None = None, dtype: str | None = None
    ) -> None:
        if batch_size < 1:
            raise InputError(f"batch_size={batch_size}; give a number from 1")
        self.model = model
        self.batch_size = batch_size
        self.device = device
        self.dtype = dtype
        self._loaded: tuple[Any, Any] | None = None
        self._lock = threading.Lock()
        self._open: list[TransformersRun] = []
        self._is_closed = False
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="generation")

    def start(
        self, prompt: Prompt, sampling: Sampling, indices: Sequence[int], deliver: Callable[[Event], None]
    ) -> TransformersRun:
        """Begin to generate; see `Generator.start`."""
        run = TransformersRun(prompt, sampling, indices, deliver)
        with self._lock:
            self._open.append(run)
        self._executor.submit(self._work, run)
        return run

    def _work(self, run: TransformersRun) -> None:
        try:
            if self._is_closed:
                raise InfraError("the generator was closed")
            model, tokenizer = self._load()
            run.generate(model, tokenizer, self.batch_size)
        except BaseException as error:  # noqa: BLE001  it is raised where the samples are awaited
            run.deliver(error)
        finally:
            with self._lock:
                self._open.remove(run)

    def _load(self) -> tuple[Any, Any]:
        if self._loaded is None:
            import torch
            from transformers import AutoModelForCausalLM, AutoTokenizer

            device = self.device or ("cuda" if torch.cuda.is_available() else "cpu")
            try:
                tokenizer = AutoTokenizer.from_pretrained(self.model)
                model = AutoModelForCausalLM.from_pretrained(self.model, dtype=self.dtype or "auto").to(device).eval()
            except (OSError, ValueError) as error:
                raise InputError(f"{self.model!r} cannot be loaded: {str(error).splitlines()[0]}") from error
            self._loaded = model, tokenizer
        return self._loaded

    def close(self) -> None:
        """Let go of the model, after the token that is being made."""
        with self._lock:
            self._is_closed = True
            for run in self._open:
                run.keep_below(0)
        self._executor.shutdown()
        self._loaded = None


class TransformersRun:
    """Samples of one prompt; see `Run`."""

    def __init__(
        self, prompt: Prompt, sampling: Sampling, indices: Sequence[int], deliver: Callable[[Event], None]
    ) -> None:
        self.num_tokens = 0
        self.deliver = deliver
        self._prompt, self._sampling, self._indices = prompt, sampling, indices
        self._end = float("inf")
        self._lock = threading.Lock()

    def keep_below(self, index: int) -> None:
        """Drop the samples from this index on."""
        with self._lock:
            self._end = min(self._end, index)

    def generate(self, model: Any, tokenizer: Any, batch_size: int) -> None:
        """Make all samples that are still wanted, batch after batch."""
        ids = self._prompt_ids(tokenizer)
        limit = getattr(model.config, "max_position_embeddings", None)
        if limit is not None and len(ids) + self._sampling.max_tokens > limit:
            raise InputError(
                f"a prompt of {len(ids)} tokens and max_tokens={self._sampling.max_tokens} do not fit the {limit} "
                "positions of the model; lower max_tokens, or shorten the prompt"
            )
        for start in range(0, len(self._indices), batch_size):
            batch = [index for index in self._indices[start : start + batch_size] if index < self._end]
            if batch:
                self._generate_batch(model, tokenizer, ids, batch)
        self.deliver(None)

    def _prompt_ids(self, tokenizer: Any) -> list[int]:
        if isinstance(self._prompt, str):
            return list(tokenizer(self._prompt)["input_ids"])
        try:
            found = tokenizer.apply_chat_template(list(self._prompt), add_generation_prompt=True, return_dict=True)
        except ValueError as error:
            raise InputError(
                f"the tokenizer cannot make a prompt of messages ({error}); use the style 'plain'"
            ) from error
        return list(found["input_ids"])

    def _generate_batch(self, model: Any, tokenizer: Any, ids: list[int], batch: list[int]) -> None:
        import torch
        from transformers import StoppingCriteriaList

        num_prompt = len(ids)
        eos = _eos_ids(model, tokenizer)
        texts: dict[int, Sample] = {}

        def note_ended(rows: Any, scores: Any, **rest: Any) -> Any:
            """Say which rows end here; those that end are delivered at once."""
            ends = []
            for place, index in enumerate(batch):
                if index not in texts:
                    tokens = rows[place, num_prompt:].tolist()
                    self.num_tokens += 1
                    is_full = len(tokens) >= self._sampling.max_tokens
                    text, is_stopped = self._text(tokenizer, tokens, eos)
                    if is_stopped or is_full:
                        texts[index] = Sample(index, text, len(tokens), not is_stopped)
                        if index < self._end:
                            self.deliver(texts[index])
                ends.append(index in texts or index >= self._end)
            return torch.tensor(ends, device=rows.device)

        generators = [torch.Generator(model.device).manual_seed(self._sampling.seed + index) for index in batch]
        model.generate(
            torch.tensor([ids] * len(batch), device=model.device),
            attention_mask=torch.ones(len(batch), num_prompt, dtype=torch.long, device=model.device),
            max_new_tokens=self._sampling.max_tokens,
            logits_processor=[_OwnDraw(self._sampling, generators)] if self._sampling.temperature else [],
            stopping_criteria=StoppingCriteriaList([note_ended]),
            pad_token_id=eos[0] if eos else 0,
            do_sample=False,  # the draw is the processor's
            temperature=None,
            top_p=None,
            top_k=None,
            repetition_penalty=1.0,
        )

    def _text(self, tokenizer: Any, tokens: list[int], eos: Sequence[int]) -> tuple[str, bool]:
        """Return the text of a sample, and whether it has come to its end."""
        is_stopped = bool(tokens) and tokens[-1] in eos
        text = tokenizer.decode(tokens, skip_special_tokens=True)
        found = [text.find(stop) for stop in self._sampling.stop or () if stop in text]
        return (text[: min(found)], True) if found else (text, is_stopped)


class _OwnDraw:
    """Draws each row's token with its own generator, and leaves it the only one possible for greedy decoding."""

    def __init__(self, sampling: Sampling, generators: Sequence[Any]) -> None:
        self._sampling, self._generators = sampling, generators

    def __call__(self, rows: Any, scores_BV: Any) -> Any:
        import torch

        chances_BV = torch.softmax(scores_BV.float() / self._sampling.temperature, dim=-1)
        if self._sampling.top_p < 1:
            ordered_BV, order_BV = chances_BV.sort(dim=-1, descending=True)
            ordered_BV[ordered_BV.cumsum(-1) - ordered_BV >= self._sampling.top_p] = 0.0
            chances_BV = torch.zeros_like(chances_BV).scatter_(1, order_BV, ordered_BV)
        drawn_B = torch.stack(
            [
                torch.multinomial(chances, 1, generator=generator)
                for chances, generator in zip(chances_BV, self._generators, strict=True)
            ]
        )
        return torch.full_like(scores_BV, -torch.inf).scatter_(1, drawn_B, 0.0)


def _eos_ids(model: Any, tokenizer: Any) -> list[int]:
    found = model.generation_config.eos_token_id
    ids = list(found) if isinstance(found, list | tuple) else [] if found is None else [found]
    return list(dict.fromkeys([*ids, *([] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id])]))
