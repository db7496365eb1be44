"""Make `stdio` problems with large suites out of the examples, and candidates for them: what a contest looks like.

    python -m staged_reward.examples.large FOLDER [--tests 120] [--candidates 64] [--seed 1]

It writes `problems.jsonl` and `samples.jsonl`. Inputs are drawn by a generator of each problem, small ones first; expected
outputs are what the canonical solution prints. Candidates are drawn with replacement, as a model's samples repeat: the
canonical solution with a chance of 15 %, else one of its mutants or of the hand-written candidates. Who draws them knows no
label: run `staged-reward verify --full`, or leave it to `staged-reward pareto`.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from staged_reward.errors import InfraError, InputError
from staged_reward.examples import CANDIDATES, PROBLEMS
from staged_reward.mutation import mutate

CANONICAL_SHARE = 0.15
SECONDS = 30.0
LARGEST = 30  # commands, readings, payments … of an input

Generator = Callable[[random.Random, int], str]
"""(random, size from 1) → standard input."""


def _clinic_queue(draw: random.Random, size: int) -> str:
    commands = []
    for number in range(size):
        word = draw.choice(["ARRIVE", "ARRIVE", "URGENT", "NEXT", "NEXT", "LENGTH"])
        commands.append(f"{word} p{number}" if word in ("ARRIVE", "URGENT") else word)
    return _lines(len(commands), *commands)


def _weather_report(draw: random.Random, size: int) -> str:
    cities = ["Oslo", "Rome", "Lima", "Quito", "Z", "Aa"][: 1 + size // 4]
    readings = [
        f"{draw.choice(cities)} {draw.choice([draw.randint(-40, 45), draw.uniform(-40, 45)])}" for _ in range(size)
    ]
    return _lines(*readings, *[""] * draw.randint(0, 1))


def _cave_steps(draw: random.Random, size: int) -> str:
    rows, columns = draw.randint(1, 2 + size // 4), draw.randint(2, 3 + size // 3)
    cave = [[draw.choice("...#") for _ in range(columns)] for _ in range(rows)]
    start, end = draw.sample(range(rows * columns), 2)
    cave[start // columns][start % columns] = "S"
    cave[end // columns][end % columns] = "E"
    return _lines(f"{rows} {columns}", *map("".join, cave))


def _house_ledger(draw: random.Random, size: int) -> str:
    people = ["ann", "bob", "cy", "dee", "eve", "flo"][: 2 + size // 6]
    payments = [f"{' '.join(draw.sample(people, 2))} {draw.randint(1, 3 + size * 4)}" for _ in range(size)]
    return _lines(len(payments), *payments)


def _power_residues(draw: random.Random, size: int) -> str:
    digits = min(18, 1 + size)
    questions = [
        f"{draw.randint(0, 10**digits)} {draw.randint(0, 10**digits)} {draw.randint(1, 10**digits)}"
        for _ in range(1 + size // 3)
    ]
    return _lines(len(questions), *questions)


def _night_shifts(draw: random.Random, size: int) -> str:
    times = [f"{draw.randint(0, 23):02}:{draw.randint(0, 59):02}" for _ in range(2 * size)]
    return _lines(*(" ".join(pair) for pair in zip(times[::2], times[1::2], strict=True)))


def _exact_load(draw: random.Random, size: int) -> str:
    weights = [draw.randint(1, 5 + 10 * size) for _ in range(draw.randint(0, size))]
    some = sum(weight for weight in weights if draw.random() < 0.5)
    target = min(5000, some if draw.random() < 0.7 else draw.randint(0, 10 * size))
    return _lines(target, " ".join(map(str, weights)))


def _lines(*lines: object) -> str:
    return "".join(f"{line}\n" for line in lines)


GENERATORS: Mapping[str, Generator] = {
    "examples/13-clinic-queue": _clinic_queue,
    "examples/14-weather-report": _weather_report,
    "examples/15-cave-steps": _cave_steps,
    "examples/16-house-ledger": _house_ledger,
    "examples/17-power-residues": _power_residues,
    "examples/18-night-shifts": _night_shifts,
    "examples/19-exact-load": _exact_load,
}


def large_problem(problem: Mapping[str, Any], num_tests: int, seed: int) -> dict[str, Any]:
    """Return a problem's row with `num_tests` tests of its generator in place of its own.

    Raises:
        InputError: There is no generator for it.
        InfraError: The canonical solution fails on an input.
    """
    task_id = problem["task_id"]
    if task_id not in GENERATORS:
        raise InputError(f"problem {task_id!r} has no generator; those that have: {', '.join(GENERATORS)}")
    draw = random.Random(f"{task_id}/{seed}")
    sizes = [1 + place * LARGEST // num_tests for place in range(num_tests)]
    inputs = [GENERATORS[task_id](draw, size) for size in sizes]
    tests = [{"type": "stdio", "stdin": text, "stdout": _answer(problem, text)} for text in inputs]
    return {**problem, "tests": tests}


def _answer(problem: Mapping[str, Any], stdin: str) -> str:
    """Run the canonical solution, which is the package's own, on an input."""
    command = [sys.executable, "-c", problem["solution"]]
    done = subprocess.run(command, input=stdin, capture_output=True, timeout=SECONDS, text=True, check=False)
    if done.returncode:
        raise InfraError(f"the solution of {problem['task_id']} fails on {stdin!r}: {done.stderr.strip()[-200:]}")
    return done.stdout


def candidates(problem: Mapping[str, Any], num_candidates: int, seed: int) -> list[dict[str, Any]]:
    """Return sample rows of one problem."""
    draw = random.Random(f"{problem['task_id']}/{seed}/candidates")
    wrong = [mutant.source for mutant in mutate(problem["solution"])]
    wrong += [
        row["solution"] for row in _rows(CANDIDATES) if row["task_id"] == problem["task_id"] and "solution" in row
    ]
    chosen = [
        problem["solution"] if draw.random() < CANONICAL_SHARE else draw.choice(wrong) for _ in range(num_candidates)
    ]
    return [{"task_id": problem["task_id"], "solution": source} for source in chosen]


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def main(
    folder: Path,
    tests: Annotated[int, typer.Option(min=1, help="Per problem.")] = 120,
    num_candidates: Annotated[int, typer.Option("--candidates", min=1, help="Per problem.")] = 64,
    seed: int = 1,
) -> None:
    """Write problems and samples."""
    folder.mkdir(parents=True, exist_ok=True)
    problems = [row for row in _rows(PROBLEMS) if row["task_id"] in GENERATORS]
    _write(folder / "problems.jsonl", [large_problem(problem, tests, seed) for problem in problems])
    _write(folder / "samples.jsonl", [row for problem in problems for row in candidates(problem, num_candidates, seed)])


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
