"""A served reward model: the texts that are sent, and a server that goes away, lies, or is another."""

from __future__ import annotations

import json
import pickle
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from staged_reward.errors import InfraError, InputError
from staged_reward.orm import served
from staged_reward.orm.card import OrmCard
from staged_reward.orm.scorer import OrmScorer
from staged_reward.orm.served import ServedScorer, VllmScorer, require_parity
from tests.test_orm_scorer import PROGRAMS, PROMPTS, save_checkpoint


class Server:
    """Answers as vLLM does; `logit` scores a row, `faults` are answers (status, body) that come first."""

    def __init__(self, port: int = 0) -> None:
        self.requests: list[dict[str, Any]] = []
        self.faults: list[tuple[int, bytes]] = []
        self.logit: Callable[[list[int]], float] = lambda row: float(sum(row))
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._send(200, json.dumps({"data": [{"id": "the-orm"}]}).encode())

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.requests.append({"path": self.path, **request})
                self._send(*(outer.faults.pop(0) if outer.faults else (200, outer.answer(request))))

            def _send(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self._http.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def answer(self, request: dict[str, Any]) -> bytes:
        data = [{"index": i, "probs": [self.logit(row)]} for i, row in enumerate(request["input"])]
        return json.dumps({"data": data[::-1]}).encode()  # the order is the index', not the list's

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(served, "PAUSES_SECONDS", (0.0,) * served.ATTEMPTS)
    running = Server()
    yield running
    running.close()


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = save_checkpoint(tmp_path_factory.mktemp("orm"))
    OrmCard(template="{prompt}|{program}", max_length=9).save(folder)
    return folder


def test_what_is_sent_are_the_tokens_that_the_local_scorer_reads(server: Server, checkpoint: Path) -> None:
    scores = ServedScorer(checkpoint, server.url + "/").score(["p", "p", "q"], ["x", "x", "0123456789"])
    (request,) = server.requests
    assert (request["path"], request["model"], request["use_activation"]) == ("/classify", "the-orm", False)
    assert [len(row) for row in request["input"]] == [4, 9]  # p|x and EOS, once; the last nine of the longer one
    assert scores == [sum(request["input"][0])] * 2 + [sum(request["input"][1])]


def test_many_texts_go_in_several_requests(server: Server, checkpoint: Path) -> None:
    programs = [str(number) for number in range(150)]
    scores = ServedScorer(checkpoint, server.url).score(["p"] * 150, programs)
    assert [len(request["input"]) for request in server.requests] == [64, 64, 22]
    assert len(set(scores)) > 10


@pytest.mark.parametrize(
    "fault",
    [
        (503, b"starting"),
        (200, b"no json"),
        (200, b"{}"),
        (200, b'{"data": []}'),
        (200, b'{"data": [{"index": 7, "probs": [1]}]}'),
    ],
    ids=["starting", "no json", "no data", "too few", "another's"],
)
def test_a_fault_of_the_server_is_tried_again(server: Server, checkpoint: Path, fault: tuple[int, bytes]) -> None:
    server.faults = [fault] * (served.ATTEMPTS - 1)
    assert len(ServedScorer(checkpoint, server.url).score(["p"], ["x"])) == 1
    server.faults = [fault] * served.ATTEMPTS
    with pytest.raises(InfraError, match="gave no usable answer in 4 attempts; the last: "):
        ServedScorer(checkpoint, server.url, patience_seconds=0).score(["p"], ["x"])


def test_a_server_that_is_not_there_is_a_fault_of_ours(server: Server, checkpoint: Path) -> None:
    scorer = ServedScorer(checkpoint, server.url, patience_seconds=0)
    server.close()
    with pytest.raises(InfraError, match="gave no usable answer"):
        scorer.score(["p"], ["x"])


def test_a_server_that_goes_away_and_returns_costs_time_only(
    server: Server, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served, "PAUSES_SECONDS", (0.0, 0.1, 0.1, 0.1))
    scorer = ServedScorer(checkpoint, server.url, patience_seconds=60)
    before = scorer.score(["p"], ["x"])
    port = server.port
    server.close()
    returned: list[Server] = []
    timer = threading.Timer(1.0, lambda: returned.append(Server(port)))
    timer.start()
    assert scorer.score(["p"], ["x"]) == before  # refused for a second, many attempts
    timer.join()
    returned[0].close()


def test_a_request_that_the_server_refuses_is_not_repeated(server: Server, checkpoint: Path) -> None:
    server.faults = [(404, b"no such model")]
    with pytest.raises(InputError, match="/classify refused: 404 no such model"):
        ServedScorer(checkpoint, server.url, served_name="other").score(["p"], ["x"])
    assert len(server.requests) == 1


def test_a_score_that_is_no_number_names_the_program(server: Server, checkpoint: Path) -> None:
    server.logit = lambda row: float("nan") if len(row) == 9 else 0.0
    with pytest.raises(InfraError, match="score nan for program index 1"):
        ServedScorer(checkpoint, server.url).score(["p"] * 2, ["x", "0123456789"])


def test_a_model_with_two_labels_is_refused(server: Server, checkpoint: Path) -> None:
    server.faults = [(200, b'{"data": [{"index": 0, "probs": [0.5, 0.5]}]}')]
    with pytest.raises(InputError, match="has 2 labels; an ORM has one"):
        ServedScorer(checkpoint, server.url).score(["p"], ["x"])


def test_parity_lets_equals_pass_and_refuses_others(server: Server, checkpoint: Path) -> None:
    local = OrmScorer(checkpoint)
    served_scorer = ServedScorer(checkpoint, server.url)
    with pytest.raises(InputError, match="differs from the checkpoint by"):
        require_parity(served_scorer, local, PROMPTS, PROGRAMS)
    loaded, _ = local._load()
    import torch

    def logit(row: list[int]) -> float:
        with torch.inference_mode():
            return float(loaded.model(torch.tensor([row])).logits[0, 0])

    server.logit = logit
    assert require_parity(served_scorer, local, PROMPTS, PROGRAMS) < 1e-4


def test_a_pickled_scorer_scores_the_same(server: Server, checkpoint: Path) -> None:
    scorer = ServedScorer(checkpoint, server.url)
    before = scorer.score(["p"], ["x"])
    assert pickle.loads(pickle.dumps(scorer)).score(["p"], ["x"]) == before


def test_vllm_that_is_not_installed_is_named(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "vllm", None)
    with pytest.raises(InputError, match=r"install staged-reward\[vllm\]"):
        VllmScorer(checkpoint).score(["p"], ["x"])


@pytest.mark.parametrize(("url", "seconds"), [("localhost:8000", 1.0), ("http://x", 0.0), ("http://x", float("nan"))])
def test_settings_that_cannot_be_used_are_refused(url: str, seconds: float) -> None:
    with pytest.raises(InputError, match="give"):
        ServedScorer("model", url, timeout_seconds=seconds)
