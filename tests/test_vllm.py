"""Real vLLM on a CPU with SmolLM2-135M: in this process, and over HTTP on the loopback; `make test-vllm` runs it."""

from __future__ import annotations

import importlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Queue

import pytest

from staged_reward import BestOfN, InputError, Problem, StagedVerifier
from staged_reward.generation.generator import Event, Generator, Sample, Sampling
from staged_reward.generation.openai_server import OpenAIServer
from staged_reward.generation.vllm_engine import VllmEngine
from staged_reward.problem import CallTest

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vLLM is not installed"),
    pytest.mark.filterwarnings("default"),
]
ROOT = Path(__file__).parent.parent
HEAD = '''def double(x):
    """Return twice x."""
    return 2 * x


def add(a, b):
    """Return the sum of a and b."""
    return'''
ADD = Problem(task_id="add", prompt=HEAD, entry_point="add", tests=(CallTest(args=(1, 2), expected=3),))
SAMPLING = Sampling(temperature=0.8, max_tokens=24, seed=7)
STARTS_SECONDS = 600


@pytest.fixture(scope="module")
def model() -> str:
    sys.path.insert(0, str(ROOT / "train"))
    return str(importlib.import_module("smollm2").materialise(ROOT / "runs" / "smollm2-135m"))


@pytest.fixture(scope="module")
def engine(model: str) -> Iterator[VllmEngine]:
    engine = VllmEngine(model, at_once=8, enforce_eager=True, max_model_len=1024, gpu_memory_utilization=0.3)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def server(model: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenAIServer]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", model, "--port", str(port)]
    settings = ["--enforce-eager", "--gpu-memory-utilization", "0.3", "--max-model-len", "1024"]
    log = tmp_path_factory.mktemp("vllm") / "log"
    with log.open("wb") as file:
        process = subprocess.Popen([*command, *settings], stdout=file, stderr=file, start_new_session=True)
    try:
        end = time.monotonic() + STARTS_SECONDS
        while time.monotonic() < end and process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(1)
        else:
            pytest.fail(log.read_text()[-3000:])
        client = OpenAIServer(f"http://127.0.0.1:{port}/v1", at_once=8)
        yield client
        client.close()
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


def sample(generator: Generator, num: int, prompt: str = HEAD) -> list[Sample]:
    events: Queue[Event] = Queue()
    generator.start(prompt, SAMPLING, range(num), events.put)
    found = []
    while (event := events.get(timeout=STARTS_SECONDS)) is not None:
        if isinstance(event, BaseException):
            raise event
        found.append(event)
    return sorted(found, key=lambda one: one.index)


@pytest.mark.parametrize("kind", ["engine", "server"])
def test_samples_are_those_of_their_seeds_and_generation_stops_when_told(
    kind: str, request: pytest.FixtureRequest
) -> None:
    generator: Generator = request.getfixturevalue(kind)
    found = sample(generator, 4)
    assert [one.index for one in found] == [0, 1, 2, 3]
    assert len({one.text for one in found}) > 1
    assert all(0 < one.num_tokens <= 24 for one in found)
    assert [one.text for one in sample(generator, 4)] == [one.text for one in found]
    with (
        StagedVerifier(("syntax", "tests=1"), workers=1, require_isolation="none") as verifier,
        BestOfN(generator, verifier, 32, sampling=Sampling(max_tokens=24, seed=1)) as solver,
    ):
        answer = solver.solve(ADD)
    assert answer.certificate is not None
    assert answer.costs.num_samples < 32
    assert answer.costs.saved_frac > 0


@pytest.mark.parametrize("kind", ["engine", "server"])
def test_a_prompt_that_is_too_long_is_said(kind: str, request: pytest.FixtureRequest) -> None:
    with pytest.raises(InputError, match="refused"):
        sample(request.getfixturevalue(kind), 1, 2000 * "x = 1\n")
