"""Which generator runs a model, by words that commands and configurations use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args

import yaml

from staged_reward.errors import InputError, nearest
from staged_reward.generation.generator import Generator

Engine = Literal["vllm", "transformers", "server"]


def make_generator(
    engine: str, model: str | None, url: str | None, *, at_once: int, settings: Sequence[str] = ()
) -> Generator:
    """Return a generator.

    Args:
        engine: `vllm` or `transformers` run the model in this process, `server` asks one that speaks OpenAI's protocol.
        model: Folder or hub name; for `server` what the server calls it, None for the one it has.
        url: Of a server, with the version, e.g. `http://localhost:8000/v1`.
        at_once: Samples of one prompt under way at the same time.
        settings: `KEY=VALUE`, of the engine: of vLLM's `AsyncEngineArgs`, or of the class here.

    Raises:
        InputError: A word is unknown, or the model or the url is missing.
    """
    if engine not in get_args(Engine):
        raise InputError(f"engine {engine!r} is unknown{nearest(engine, get_args(Engine))}")
    given = dict(_setting(text) for text in settings)
    if engine == "server":
        if url is None:
            raise InputError("engine 'server' needs a url; give http://HOST:PORT/v1")
        from staged_reward.generation.openai_server import OpenAIServer

        return _made(OpenAIServer, url, model, at_once=at_once, **given)
    if model is None:
        raise InputError(f"engine {engine!r} needs a model; give a folder or a hub name")
    if engine == "vllm":
        from staged_reward.generation.vllm_engine import VllmEngine

        return _made(VllmEngine, model, at_once=at_once, **given)
    from staged_reward.generation.transformers_model import TransformersModel

    return _made(TransformersModel, model, **{"batch_size": at_once, **given})


def _made(kind: Callable[..., Generator], *arguments: str | None, **settings: Any) -> Generator:
    try:
        return kind(*arguments, **settings)
    except TypeError as error:
        raise InputError(f"the engine has no such setting: {error}") from error


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise InputError(f"engine setting {text!r}; give KEY=VALUE")
    return name.strip(), yaml.safe_load(value)
