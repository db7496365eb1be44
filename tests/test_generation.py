"""Generators: an OpenAI-compatible server, faked, and transformers with a tiny model."""

from __future__ import annotations

import asyncio
import importlib
import random
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from staged_reward import InfraError, InputError
from staged_reward.generation import openai_server
from staged_reward.generation.awaited import AwaitedRun, Loop
from staged_reward.generation.generator import Event, Generator, Prompt, Sample, Sampling
from staged_reward.generation.openai_server import OpenAIServer
from staged_reward.generation.transformers_model import TransformersModel
from staged_reward.generation.vllm_engine import VllmEngine
from tests.fake_openai_server import Server

ROOT = Path(__file__).parent.parent
SAMPLING = Sampling(temperature=0.5, top_p=0.9, max_tokens=7, stop=("\n\n",), seed=100)


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


@pytest.fixture
def client(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIServer]:
    monkeypatch.setattr(openai_server, "RETRIES", 0)
    client = OpenAIServer(server.url)
    yield client
    client.close()


def sample(generator: Generator, prompt: Prompt, indices: Sequence[int], sampling: Sampling = SAMPLING) -> list[Sample]:
    """Return all samples in the order of their indices; raise what the generator delivers."""
    events: Queue[Event] = Queue()
    generator.start(prompt, sampling, indices, events.put)
    found = []
    while (event := events.get(timeout=60)) is not None:
        if isinstance(event, BaseException):
            raise event
        found.append(event)
    return sorted(found, key=lambda one: one.index)


def test_text_is_gone_on_with_and_every_sample_has_its_seed(server: Server, client: OpenAIServer) -> None:
    found = sample(client, "def f(", [0, 1, 5])
    assert [one.index for one in found] == [0, 1, 5]
    assert [one.text.split("/")[0] for one in found] == ["100", "101", "105"]
    assert {(one.num_tokens, one.is_cut) for one in found} == {(11, True)}
    request = server.requests[0]
    assert (request["path"], request["prompt"], request["model"]) == ("/v1/completions", "def f(", "the-model")
    assert (request["temperature"], request["top_p"], request["max_tokens"], request["stop"]) == (0.5, 0.9, 7, ["\n\n"])


def test_messages_are_answered(server: Server, client: OpenAIServer) -> None:
    messages = [{"role": "user", "content": "Add."}]
    (found,) = sample(client, messages, [0])
    assert found.text == "100/0 100/1 100/2 100/3 100/4 "
    assert (server.requests[0]["path"], server.requests[0]["messages"]) == ("/v1/chat/completions", messages)


def test_dropped_samples_end_and_the_server_is_told(server: Server, client: OpenAIServer) -> None:
    server.pause_seconds = 0.3
    events: Queue[Event] = Queue()
    run = client.start("x", SAMPLING, range(6), events.put)
    while len(server.requests) < 6:
        time.sleep(0.01)
    run.keep_below(2)
    found = []
    while (event := events.get(timeout=30)) is not None:
        found.append(event)
    assert sorted(one.index for one in found if isinstance(one, Sample)) == [0, 1]
    end = time.monotonic() + 10
    while server.num_dropped < 4 and time.monotonic() < end:
        time.sleep(0.05)
    assert server.num_dropped == 4
    assert 22 <= run.num_tokens < 60


def test_no_more_than_allowed_are_under_way(server: Server) -> None:
    client = OpenAIServer(server.url, at_once=2)
    server.pause_seconds = 0.1
    events: Queue[Event] = Queue()
    run = client.start("x", SAMPLING, range(20), events.put)
    first = events.get(timeout=30)
    assert isinstance(first, Sample)
    run.keep_below(0)
    while events.get(timeout=30) is not None:
        pass
    assert len(server.requests) <= 4
    client.close()


def test_dropping_while_samples_begin_ends_every_run() -> None:
    async def pieces(index: int) -> Any:
        yield "a", 1, None
        await asyncio.sleep(0)
        yield "b", 1, False

    loop, draw = Loop(), random.Random(1)
    for _ in range(300):
        events: Queue[Event] = Queue()
        run = AwaitedRun(loop.get(), pieces, range(20), 1, events.put)
        for _ in range(draw.randrange(4)):
            events.get(timeout=20)
        run.keep_below(draw.randrange(3))
        while events.get(timeout=20) is not None:
            pass
    loop.close()


def test_what_a_dropped_sample_runs_into_does_not_matter() -> None:
    began = threading.Event()

    async def pieces(index: int) -> Any:
        if index:
            began.set()
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                raise InfraError("the connection broke") from None
        yield "a", 1, False

    loop = Loop()
    events: Queue[Event] = Queue()
    run = AwaitedRun(loop.get(), pieces, range(2), 2, events.put)
    first = events.get(timeout=20)
    assert isinstance(first, Sample)
    assert began.wait(20)
    run.keep_below(1)
    assert events.get(timeout=20) is None
    loop.close()


def test_a_server_that_is_down_is_named(server: Server, client: OpenAIServer) -> None:
    server.close()
    with pytest.raises(InfraError, match=r"http://127\.0\.0\.1:\d+/v1 does not answer .*start the server"):
        sample(client, "x", [0, 1])


@pytest.mark.parametrize(
    ("status", "kind", "message"),
    [
        (404, InputError, "has no model 'the-model'"),
        (400, InputError, "refused the request: .*maximum context length is 9"),
        (500, InfraError, "failed 1 times"),
        (429, InfraError, "failed 1 times"),
    ],
    ids=["no such model", "too long", "broken", "too many requests"],
)
def test_what_a_server_refuses_is_said(
    server: Server, client: OpenAIServer, status: int, kind: type[Exception], message: str
) -> None:
    server.status = status
    with pytest.raises(kind, match=message):
        sample(client, "x", [0])


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://x"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="give http://HOST:PORT/v1"):
        OpenAIServer(url)


@pytest.fixture(scope="module")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "train"))
        tiny = importlib.import_module("tiny_model")
        folder = tmp_path_factory.mktemp("tiny")
        tokenizer = tiny.tiny_tokenizer()
        tiny.tiny_model(tokenizer, seed=0).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return str(folder)


def test_a_sample_is_the_same_whatever_is_sampled_beside_it(tiny_folder: str) -> None:
    sampling = Sampling(temperature=1.0, max_tokens=12, seed=3)
    together, alone = TransformersModel(tiny_folder, device="cpu"), TransformersModel(
        tiny_folder, batch_size=1, device="cpu"
    )
    found = sample(together, "Add.", range(6), sampling)
    assert [one.text for one in found] == [one.text for one in sample(alone, "Add.", range(6), sampling)]
    assert found[4:] == sample(together, "Add.", [4, 5], sampling)
    assert len({one.text for one in found}) > 1
    assert [one.num_tokens for one in found if one.is_cut] == [12] * sum(one.is_cut for one in found) != []
    together.close()
    alone.close()


@pytest.mark.parametrize(("top_p", "expected"), [(1.0, {0, 1, 2, 3}), (0.9, {0, 2, 3}), (0.5, {2})])
def test_tokens_are_drawn_from_the_nucleus_alone_as_often_as_they_are_likely(top_p: float, expected: set[int]) -> None:
    import torch

    from staged_reward.generation.transformers_model import _OwnDraw

    chances = torch.tensor([0.2, 0.05, 0.6, 0.15])
    draw = _OwnDraw(Sampling(temperature=2.0, top_p=top_p), [torch.Generator().manual_seed(0)])
    drawn = [int(draw(None, 2.0 * chances.log()[None]).argmax()) for _ in range(1000)]
    assert set(drawn) == expected
    kept = chances[sorted(expected)].sum()
    for token in expected:
        assert drawn.count(token) / 1000 == pytest.approx(float(chances[token] / kept), abs=0.05)


def test_greedy_samples_are_equal_and_stop_strings_end_them(tiny_folder: str) -> None:
    model = TransformersModel(tiny_folder, device="cpu")
    messages = [{"role": "user", "content": "Add."}]
    one, other = sample(model, messages, [0, 1], Sampling(temperature=0.0, max_tokens=6))
    assert one.text == other.text
    stop = one.text[3]
    (stopped,) = sample(model, messages, [0], Sampling(temperature=0.0, max_tokens=6, stop=(stop,)))
    assert stopped.text == one.text[: one.text.index(stop)]
    assert not stopped.is_cut
    model.close()


def test_dropped_samples_are_not_generated(tiny_folder: str) -> None:
    model = TransformersModel(tiny_folder, batch_size=2, device="cpu")
    events: Queue[Event] = Queue()
    run: Any = None

    def deliver(event: Event) -> None:
        if isinstance(event, Sample) and event.index == 1:
            run.keep_below(2)
        events.put(event)

    gate = threading.Lock()
    with gate:  # so that `run` is known before the first sample ends
        load = model._load
        model._load = lambda: gate.acquire() and load()  # type: ignore[method-assign, assignment, return-value]
        run = model.start("Add.", Sampling(max_tokens=4), range(8), deliver)
    found = []
    while (event := events.get(timeout=60)) is not None:
        found.append(event)
    gate.release()
    assert sorted(one.index for one in found if isinstance(one, Sample)) == [0, 1]
    assert run.num_tokens == 8
    model.close()


def test_what_does_not_fit_the_model_is_said(tiny_folder: str) -> None:
    model = TransformersModel(tiny_folder, device="cpu")
    with pytest.raises(InputError, match=r"a prompt of \d+ tokens and max_tokens=1000000 do not fit"):
        sample(model, "Add.", [0], Sampling(max_tokens=1_000_000))
    model.close()


def test_a_model_that_is_not_there_is_said(tmp_path: Path) -> None:
    model = TransformersModel(str(tmp_path), device="cpu")
    with pytest.raises(InputError, match="cannot be loaded"):
        sample(model, "Add.", [0])
    model.close()


def test_vllm_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "vllm", None)
    engine = VllmEngine("x")
    with pytest.raises(InputError, match=r"needs the Python package 'vllm'.*pip install vllm"):
        sample(engine, "Add.", [0])
    engine.close()
