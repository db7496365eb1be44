"""Generates with any server that speaks OpenAI's protocol: vLLM, SGLang, llama.cpp, or a hosted one.

Every sample is a request of its own with a seed of its own, streamed, so that one can be dropped alone: the connection is
closed, which such servers take as the wish to stop. Text goes to `/completions`, messages to `/chat/completions`.
"""

from __future__ import annotations

from typing import Any

from staged_reward.errors import InfraError, InputError
from staged_reward.generation.awaited import AwaitedGenerator, Pieces
from staged_reward.generation.generator import Prompt, Sampling

RETRIES = 4


class OpenAIServer(AwaitedGenerator):
    """A model behind a server.

    Args:
        url: With the version, e.g. `http://localhost:8000/v1`.
        model: What the server calls it; None asks the server.
        api_key: Where the server wants one; None takes `OPENAI_API_KEY`, or none.
        at_once: Samples of one prompt that may be under way.
        timeout_seconds: Without a piece of an answer.
    """

    def __init__(
        self,
        url: str,
        model: str | None = None,
        *,
        api_key: str | None = None,
        at_once: int = 16,
        timeout_seconds: float = 300.0,
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise InputError(f"url={url!r}; give http://HOST:PORT/v1")
        super().__init__(at_once)
        self.url = url.rstrip("/")
        self.model = model
        self.timeout_seconds = timeout_seconds
        self._api_key = api_key
        self._client: Any = None

    async def _pieces(self, prompt: Prompt, sampling: Sampling, index: int) -> Pieces:
        try:
            import openai
        except ImportError as error:
            raise InputError("a server needs the Python package 'openai'; run `pip install openai`") from error
        if self._client is None:
            self._client = _client(self.url, self._api_key, self.timeout_seconds)
        try:
            if self.model is None:
                models = await self._client.models.list()
                self.model = models.data[0].id
            settings: dict[str, Any] = {
                "model": self.model,
                "temperature": sampling.temperature,
                "top_p": sampling.top_p,
                "max_tokens": sampling.max_tokens,
                "seed": sampling.seed + index,
                "stream": True,
                "stream_options": {"include_usage": True},
                **({"stop": list(sampling.stop)} if sampling.stop else {}),
            }
            if isinstance(prompt, str):
                stream = await self._client.completions.create(prompt=prompt, **settings)
            else:
                stream = await self._client.chat.completions.create(messages=list(prompt), **settings)
            counted = 0
            async with stream:
                async for chunk in stream:
                    for choice in chunk.choices:
                        text, thought = _texts(choice, is_chat=not isinstance(prompt, str))
                        counted += bool(text or thought)
                        yield text, int(bool(text or thought)), choice.finish_reason == "length"
                    if chunk.usage is not None:  # a piece may hold several tokens
                        yield "", chunk.usage.completion_tokens - counted, None
                        counted = chunk.usage.completion_tokens
        except openai.APIConnectionError as error:
            cause = error.__cause__ or error
            raise InfraError(
                f"{self.url} does not answer ({type(cause).__name__}: {cause}); start the server, or correct the url"
            ) from error
        except openai.APIStatusError as error:
            raise _refused(self.url, self.model, error) from error
        except (openai.APIError, IndexError) as error:
            raise InfraError(f"{self.url} sent no usable answer: {error}") from error

    def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        self._loop.close(None if client is None else client.close)


def _texts(choice: Any, *, is_chat: bool) -> tuple[str, str]:
    """Return what a piece adds to the answer, and what it adds to thoughts that are no part of it."""
    if not is_chat:
        return choice.text or "", ""
    return choice.delta.content or "", getattr(choice.delta, "reasoning_content", None) or ""


def _client(url: str, api_key: str | None, timeout_seconds: float) -> Any:
    import os

    import openai

    key = api_key or os.environ.get("OPENAI_API_KEY") or "none"
    return openai.AsyncOpenAI(base_url=url, api_key=key, timeout=timeout_seconds, max_retries=RETRIES)


def _refused(url: str, model: str | None, error: Any) -> InputError | InfraError:
    """Return what a status of the server means: a wrong request, or a fault."""
    text = " ".join(str(error).split())[:500]
    if error.status_code == 404:
        return InputError(
            f"{url} has no model {model!r}, or no such path: {text}; leave the model out to ask the server"
        )
    if error.status_code < 500 and error.status_code not in (408, 409, 429):
        return InputError(f"{url} refused the request: {text}")
    return InfraError(f"{url} failed {1 + RETRIES} times: {text}")
