"""How much faster is it to certify one program per problem than to run the full suite on every candidate?

    python benchmarks/certified.py SAMPLES.jsonl.gz --problems PROBLEMS.jsonl [-n 64] [--trials 3]

Draws n candidates for each problem, and in turn, on the same draw: chooses by `certified`, runs the full suite on all of
them in this sandbox, and in one Python process per program, which has your rights. Sandboxes are warm; what counts
are the ratios of programs per second, copies included, within one trial.
"""

from __future__ import annotations

import random
import statistics
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from staged_reward import StagedVerifier, load_problems
from staged_reward.pareto.processes import run_in_processes
from staged_reward.pareto.trial import warm_up
from staged_reward.samples import Sample, read_samples

WAYS = CERTIFIED, FULL, PROCESSES = "certified", "full suite", "process each"


def main(
    samples: Annotated[Path, typer.Argument(help="File of samples.")],
    problems: Annotated[str, typer.Option(help="File, or the name of a data set.")],
    n: Annotated[int, typer.Option("-n", help="Candidates per problem.")] = 64,
    trials: Annotated[int, typer.Option(help="Draws.")] = 3,
    processes: Annotated[bool, typer.Option(help="Also one process per program.")] = True,
) -> None:
    """Print the seconds of each, trial by trial, and the median ratios."""
    loaded = load_problems(problems)
    by_problem: dict[str, list[Sample]] = defaultdict(list)
    for sample in read_samples(samples, loaded):
        by_problem[sample.problem.task_id].append(sample)
    ratios: dict[str, list[float]] = defaultdict(list)
    for trial in range(trials):
        drawn = [one for own in by_problem.values() for one in random.Random(trial).sample(own, min(n, len(own)))]
        given = ([one.problem for one in drawn], [one.program for one in drawn])
        taken: dict[str, float] = {}
        for name in WAYS if processes else WAYS[:-1]:
            with StagedVerifier((), full=True) as verifier:  # of its own: one that knows the problems would be ahead
                warm_up(verifier, loaded)
                limit = verifier.limits.cpu_seconds
                ways: dict[str, Callable[[], object]] = {
                    CERTIFIED: partial(verifier.choose, *given, strategy="certified"),
                    FULL: partial(verifier.verify, *given),
                    PROCESSES: partial(run_in_processes, *given, verifier.num_workers, limit),
                }
                start = perf_counter()
                ways[name]()
                taken[name] = perf_counter() - start
            print(f"trial {trial}: {name}: {len(drawn):,} programs, {taken[name]:.2f} s", flush=True)
        for name, duration in taken.items():
            ratios[name].append(duration / taken[CERTIFIED])
    for name, found in ratios.items():
        print(f"certified against {name}: {statistics.median(found):.2f} times; {min(found):.2f} to {max(found):.2f}")


if __name__ == "__main__":
    typer.run(main)
