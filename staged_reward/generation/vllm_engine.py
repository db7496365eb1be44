"""Generates with vLLM in this process: its asynchronous engine batches the samples of all prompts, and drops unwanted ones.

Every sample is a request of its own with a seed of its own; vLLM's prefix cache computes their common prompt once.
"""

from __future__ import annotations

import gc
import os
import threading
import uuid
from collections.abc import Sequence
from typing import Any

from staged_reward.errors import InfraError, InputError
from staged_reward.generation.awaited import AwaitedGenerator, Pieces
from staged_reward.generation.generator import Prompt, Sampling


class VllmEngine(AwaitedGenerator):
    """A model that vLLM runs here. It is loaded at the first sample.

    Args:
        model: Folder or hub name.
        at_once: Samples of one prompt that may be under way.
        settings: Of vLLM's `AsyncEngineArgs`.
    """

    def __init__(self, model: str, *, at_once: int = 256, **settings: Any) -> None:
        super().__init__(at_once)
        self.model = model
        self._settings = settings
        self._engine: Any = None
        self._lock = threading.Lock()
        self._fault: InputError | InfraError | None = None

    async def _pieces(self, prompt: Prompt, sampling: Sampling, index: int) -> Pieces:
        engine = self._load()
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        params = SamplingParams(
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            max_tokens=sampling.max_tokens,
            stop=list(sampling.stop or ()) or None,
            seed=sampling.seed + index,
            output_kind=RequestOutputKind.DELTA,
        )
        text: Any = prompt
        if not isinstance(prompt, str):
            tokenizer = engine.get_tokenizer()
            tokenizer = await tokenizer if hasattr(tokenizer, "__await__") else tokenizer
            text = {"prompt_token_ids": _chat_ids(tokenizer, prompt)}
        try:
            async for output in engine.generate(text, params, request_id=uuid.uuid4().hex):
                piece = output.outputs[0]
                yield piece.text, len(piece.token_ids), piece.finish_reason == "length" if output.finished else None
        except _refusals() as error:  # the prompt is too long, say
            raise InputError(f"vLLM refused a prompt for {self.model!r}: {error}") from error

    def _load(self) -> Any:
        """Return the engine; on the loop's thread, where it belongs. What keeps it from loading is found out once."""
        with self._lock:
            if self._fault is not None:
                raise self._fault
            if self._engine is None:
                try:
                    self._engine = self._make()
                except (InputError, InfraError) as fault:
                    self._fault = fault
                    raise
            return self._engine

    def _make(self) -> Any:
        try:
            from vllm import AsyncEngineArgs
            from vllm.v1.engine.async_llm import AsyncLLM
        except ImportError as error:
            raise InputError(
                f"generating with vLLM needs the Python package 'vllm' ({error}); run `pip install vllm`"
            ) from error
        import torch

        settings = dict(self._settings)
        if not torch.cuda.is_available():
            # vLLM 0.32 rewinds a sample's generator after a part of a prompt; a CPU's cannot.
            settings.setdefault("enable_chunked_prefill", False)
            # Its scheduler waits for a worker process by spinning, which takes a core from model and sandbox.
            os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
            settings.setdefault("distributed_executor_backend", "uni")
        try:
            return AsyncLLM.from_engine_args(AsyncEngineArgs(model=self.model, **settings))
        except (OSError, TypeError, ValueError) as error:
            raise InputError(f"vLLM cannot load {self.model!r}: {' '.join(str(error).split())[:500]}") from error
        except RuntimeError as error:
            raise InfraError(f"vLLM did not start with {self.model!r}: {error}") from error

    def close(self) -> None:
        """End the engine and its processes."""
        self._loop.close()
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.shutdown()
            del engine
            gc.collect()  # its finaliser fails at the end of the interpreter


def _refusals() -> tuple[type[Exception], ...]:
    """Return what vLLM raises for a request that is at fault: a `ValueError` once, a class of its own since 0.32."""
    try:
        from vllm.exceptions import VLLMClientError
    except ImportError:
        return (ValueError,)
    return (ValueError, VLLMClientError)


def _chat_ids(tokenizer: Any, messages: Sequence[Any]) -> list[int]:
    try:
        ids = tokenizer.apply_chat_template(list(messages), add_generation_prompt=True, tokenize=True)
    except ValueError as error:
        raise InputError(f"the tokenizer cannot make a prompt of messages ({error}); use the style 'plain'") from error
    return list(ids["input_ids"] if hasattr(ids, "keys") else ids)
