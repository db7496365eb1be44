"""A few rounds of each kind of fuzzing; `python tests/fuzz_judge.py` goes on for as long as you like."""

from collections.abc import Iterator

import pytest

from staged_reward.sandbox.host import ForkServer
from tests.fuzz_judge import Fuzzer


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    server = ForkServer()
    yield server
    server.close()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("kind", "count"),
    [("bytes_round", 1000), ("stream_round", 30), ("check_round", 30), ("object_round", 20), ("program_round", 10)],
)
def test_rounds_of_fuzzing_hold(server, kind: str, count: int, seed: int) -> None:
    fuzzer = Fuzzer(seed, server)
    for _ in range(count):
        getattr(fuzzer, kind)()
