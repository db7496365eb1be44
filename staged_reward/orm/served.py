"""Scores programs with a reward model that vLLM runs: in this process, or as a server for all ranks of a training.

    vllm serve CHECKPOINT --runner pooling

Texts are made and tokenized here, as `OrmScorer` does it, and token ids are what vLLM gets: template, EOS and truncation
cannot differ. vLLM gives raw logits (no activation). `require_parity` compares with the local scorer first.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Protocol

from staged_reward.calibration import Calibration
from staged_reward.errors import InfraError, InputError
from staged_reward.orm.card import OrmCard, calibration_of, checkpoint_name
from staged_reward.orm.checkpoint import set_pad_token
from staged_reward.orm.encoding import encode, pooled, text_of
from staged_reward.orm.scorer import refuse_non_finite

ATTEMPTS = 4
PAUSES_SECONDS = (0.0, 0.5, 2.0, 5.0)  # before each attempt, the last one before all that follow
BATCH = 64
TOLERANCE = 0.06  # bfloat16's; see `require_parity`


class Scorer(Protocol):
    """What gives programs scores."""

    def score(self, prompts: Sequence[str], programs: Sequence[str]) -> list[float]:
        """Return one finite score for each."""


class _Texts:
    """Makes the token ids of a checkpoint's texts, without its weights.

    Args:
        model: Folder or hub name.
    """

    def __init__(self, model: str) -> None:
        from transformers import AutoConfig, AutoTokenizer

        try:
            config, self._tokenizer = AutoConfig.from_pretrained(model), AutoTokenizer.from_pretrained(model)
        except (OSError, ValueError) as error:
            raise InputError(f"{model!r} has no tokenizer to be loaded: {str(error).splitlines()[0]}") from error
        self._pad_token_id = set_pad_token(self._tokenizer, config, model)
        self._card = OrmCard.of(model) or OrmCard()

    def rows(self, prompts: Sequence[str], programs: Sequence[str]) -> list[tuple[int, ...]]:
        texts = [
            text_of(prompt, program, self._card, self._tokenizer.eos_token)
            for prompt, program in zip(prompts, programs, strict=True)
        ]
        encoded, _ = encode(self._tokenizer, texts, self._card.max_length)
        return [tuple(pooled(row, self._pad_token_id)) for row in encoded]


class _VllmBacked:
    """What both have in common. Picklable; safe to call from several threads, one at a time runs.

    Args:
        model: The checkpoint that vLLM runs, for its tokenizer and card.
    """

    def __init__(self, model: str | Path) -> None:
        self.model = checkpoint_name(model)
        self._texts: _Texts | None = None
        self._lock = threading.Lock()

    def score(self, prompts: Sequence[str], programs: Sequence[str]) -> list[float]:
        """Return the raw logit of each program; higher is better. Equal texts are sent once.

        Raises:
            InputError: The lengths differ, or the checkpoint cannot be used.
            InfraError: vLLM gave no number for one, or did not answer.
        """
        if len(prompts) != len(programs):
            raise InputError(f"{len(prompts)} prompts for {len(programs)} programs; give one prompt each")
        if not programs:
            return []
        with self._lock:
            self._texts = self._texts or _Texts(self.model)
            rows = self._texts.rows(prompts, programs)
            distinct = list(dict.fromkeys(rows))
            logit_of = dict(zip(distinct, self._logits(distinct), strict=True))
        scores = [logit_of[row] for row in rows]
        refuse_non_finite(scores, self.model)
        return scores

    def _logits(self, rows: Sequence[Sequence[int]]) -> list[float]:
        raise NotImplementedError

    @cached_property
    def calibration(self) -> Calibration | None:
        """What the checkpoint's card says of it."""
        return calibration_of(self.model)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_texts": None, "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())


class VllmScorer(_VllmBacked):
    """A reward model in vLLM, in this process.

    Args:
        model: Folder or hub name of a sequence-classification checkpoint with one label.
        settings: Of `vllm.LLM`, e.g. `dtype`, `gpu_memory_utilization`, `enforce_eager`.
    """

    def __init__(self, model: str | Path, **settings: Any) -> None:
        super().__init__(model)
        self._settings = settings
        self._engine: Any = None

    def _logits(self, rows: Sequence[Sequence[int]]) -> list[float]:
        try:
            from vllm import LLM, PoolingParams
        except ImportError as error:
            raise InputError("VllmScorer needs the Python package 'vllm'; install staged-reward[vllm]") from error
        if self._engine is None:
            self._engine = LLM(model=self.model, runner="pooling", **self._settings)
        outputs = self._engine.classify(
            [{"prompt_token_ids": list(row)} for row in rows],
            pooling_params=PoolingParams(use_activation=False),
            use_tqdm=False,
        )
        return [_only(output.outputs.probs) for output in outputs]

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_engine": None}


class ServedScorer(_VllmBacked):
    """A reward model that `vllm serve --runner pooling` serves.

    A server that is away for a while costs time, not a training: each request is tried again until `patience_seconds` have
    passed, and at least four times.

    Args:
        model: The checkpoint that is served, for its tokenizer and card.
        url: Of the server, e.g. `http://localhost:8000`.
        served_name: What the server calls it; None asks the server.
        timeout_seconds: For one request.
        patience_seconds: With a server that gives no usable answer; 0 for four attempts.
    """

    def __init__(
        self,
        model: str | Path,
        url: str,
        *,
        served_name: str | None = None,
        timeout_seconds: float = 120.0,
        patience_seconds: float = 120.0,
    ) -> None:
        super().__init__(model)
        if not url.startswith(("http://", "https://")):
            raise InputError(f"url={url!r}; give http://HOST:PORT")
        if not 0 < timeout_seconds < float("inf"):
            raise InputError(f"timeout_seconds={timeout_seconds}; give a positive, finite number")
        self.url = url.rstrip("/")
        self.served_name = served_name
        if not 0 <= patience_seconds < float("inf"):
            raise InputError(f"patience_seconds={patience_seconds}; give a finite number from 0")
        self.timeout_seconds = timeout_seconds
        self.patience_seconds = patience_seconds

    def _logits(self, rows: Sequence[Sequence[int]]) -> list[float]:
        if self.served_name is None:
            self.served_name = self._ask("GET", "/v1/models", None, lambda reply: str(reply["data"][0]["id"]))
        logits: list[float] = []
        for start in range(0, len(rows), BATCH):
            batch = [list(row) for row in rows[start : start + BATCH]]
            request = {"model": self.served_name, "input": batch, "use_activation": False}
            logits += self._ask("POST", "/classify", request, partial(_in_order, len(batch)))
        return logits

    def _ask(self, method: str, path: str, request: Any, read: Any) -> Any:
        """Send a request until it is answered well, a bounded number of times."""
        import httpx

        end, num_attempts, problem = time.monotonic() + self.patience_seconds, 0, ""
        while num_attempts < ATTEMPTS or time.monotonic() < end:
            time.sleep(PAUSES_SECONDS[min(num_attempts, ATTEMPTS - 1)])
            num_attempts += 1
            try:
                left = max(1.0, end - time.monotonic()) if self.patience_seconds else self.timeout_seconds
                seconds = min(self.timeout_seconds, left)
                reply = httpx.request(method, self.url + path, json=request, timeout=seconds)
                if reply.status_code == 200:
                    return read(reply.json())
                problem = f"{reply.status_code} {reply.text[:300]}"
                if reply.status_code < 500 and reply.status_code not in (408, 429):
                    raise InputError(f"{self.url}{path} refused: {problem}")
            except (httpx.HTTPError, KeyError, IndexError, TypeError, ValueError) as error:
                if isinstance(error, InputError):
                    raise
                problem = f"{type(error).__name__}: {error}"
        raise InfraError(f"{self.url}{path} gave no usable answer in {num_attempts} attempts; the last: {problem}")


def _in_order(num: int, reply: Any) -> list[float]:
    by_index = {int(item["index"]): _only(item["probs"]) for item in reply["data"]}
    if sorted(by_index) != list(range(num)):
        raise ValueError(f"{len(by_index)} scores for {num} texts")
    return [by_index[index] for index in range(num)]


def _only(values: Sequence[float]) -> float:
    if len(values) != 1:
        raise InputError(f"the model that vLLM runs has {len(values)} labels; an ORM has one")
    return float(values[0])


def require_parity(
    scorer: Scorer, local: Scorer, prompts: Sequence[str], programs: Sequence[str], *, tolerance: float = TOLERANCE
) -> float:
    """Compare two scorers, and refuse to go on where they differ.

    Args:
        scorer: To be relied on.
        local: `OrmScorer` of the same checkpoint.
        prompts: As for `score`.
        programs: A few, of different lengths.
        tolerance: Largest difference allowed; the default is what bfloat16 makes of equal weights.

    Returns:
        The largest difference.

    Raises:
        InputError: It is larger than allowed.
    """
    differences = [
        abs(a - b) for a, b in zip(scorer.score(prompts, programs), local.score(prompts, programs), strict=True)
    ]
    largest = max(differences, default=0.0)
    if largest > tolerance:
        raise InputError(
            f"the served reward model differs from the checkpoint by {largest:.4f}, more than {tolerance}; is it the same "
            "checkpoint, and served with --runner pooling?"
        )
    return largest
