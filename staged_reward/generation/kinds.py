"""Which generator runs a model, by words that commands and configurations use."""

from __future__ import annotations

from typing import Literal, get_args

from staged_reward.errors import InputError, nearest
from staged_reward.generation.generator import Generator

Engine = Literal["vllm", "transformers", "server"]


def make_generator(engine: str, model: str | None, url: str | None, *, at_once: int) -> Generator:
    """Return a generator.

    Args:
        engine: `vllm` or `transformers` run the model in this process, `server` asks one that speaks OpenAI's protocol.
        model: Folder or hub name; for `server` what the server calls it, None for the one it has.
        url: Of a server, with the version, e.g. `http://localhost:8000/v1`.
        at_once: Samples of one prompt under way at the same time.

    Raises:
        InputError: A word is unknown, or the model or the url is missing.
    """
    if engine not in get_args(Engine):
        raise InputError(f"engine {engine!r} is unknown{nearest(engine, get_args(Engine))}")
    if engine == "server":
        if url is None:
            raise InputError("engine 'server' needs a url; give http://HOST:PORT/v1")
        from staged_reward.generation.openai_server import OpenAIServer

        return OpenAIServer(url, model, at_once=at_once)
    if model is None:
        raise InputError(f"engine {engine!r} needs a model; give a folder or a hub name")
    if engine == "vllm":
        from staged_reward.generation.vllm_engine import VllmEngine

        return VllmEngine(model, at_once=at_once)
    from staged_reward.generation.transformers_model import TransformersModel

    return TransformersModel(model, batch_size=at_once)
