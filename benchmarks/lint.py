"""Lint throughput: `pylint.lint.Run` on one file per program against the `lint` stage, in one process, same programs.

    python benchmarks/lint.py --samples SAMPLES.jsonl.gz --n 300 --repeats 3

Programs are a seeded random draw of the file's rows as they come, duplicates included, unless `--distinct` is given.
Per repeat, each side lints all programs; a side's figure is the median over repeats of programs per second. Both sides
are warmed up with one program. `Run` gets a fresh file name per program and repeat, because astroid caches modules by
name, and the messages that the stage reports (errors and fatals) decide its verdict. Two settings of `Run` are
measured: its defaults, and `--errors-only`. The `ruff` choice is measured as one batch.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from staged_reward.problem import Problem, Verdict
from staged_reward.stages.lint import Lint

EXAMPLES = Path(__file__).parent.parent / "staged_reward" / "examples" / "candidates.jsonl"
PROBLEM = Problem(task_id="benchmark")


def load_programs(path: Path, n: int, seed: int, distinct: bool) -> list[str]:
    """Draw `n` programs from the rows of a JSONL or JSONL.gz file that have the key `solution`."""
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    rows = [json.loads(line) for line in data.splitlines() if line.strip()]
    programs = [row["solution"] for row in rows if "solution" in row]
    if distinct:
        programs = list(dict.fromkeys(programs))
    return random.Random(seed).sample(programs, min(n, len(programs)))


def run_verdicts(programs: Sequence[str], options: Sequence[str], folder: Path) -> tuple[list[bool], float]:
    """Whether `pylint.lint.Run` finds no error in each program, and the seconds it took, file writing left out."""
    from pylint.lint import Run
    from pylint.reporters import CollectingReporter

    verdicts, seconds = [], 0.0
    for number, program in enumerate(programs):
        path = folder / f"program_{folder.name}_{number}.py"
        path.write_text(program, encoding="utf-8", newline="")
        reporter = CollectingReporter()
        start = time.perf_counter()
        Run(["--rcfile=/dev/null", *options, str(path)], reporter=reporter, exit=False)
        seconds += time.perf_counter() - start
        verdicts.append(not any(message.msg_id[0] in "EF" for message in reporter.messages))
    return verdicts, seconds


def stage_verdicts(programs: Sequence[str], lint: Lint) -> tuple[list[bool], float]:
    """Whether each program passes the stage, and the seconds it took."""
    start = time.perf_counter()
    results = lint.check_many(programs)
    return [result.verdict is Verdict.PASSED for result in results], time.perf_counter() - start


def measure(name: str, num_programs: int, repeats: int, once: Callable[[], tuple[list[bool], float]]) -> list[bool]:
    """Print the median rate of a side; return its verdicts."""
    runs = [once() for _ in range(repeats)]
    rates = [num_programs / seconds for _, seconds in runs]
    RATES[name] = statistics.median(rates)
    print(f"{name:28s} {RATES[name]:9.1f} programs/s   (runs: {', '.join(f'{rate:.1f}' for rate in rates)})")
    return runs[0][0]


RATES: dict[str, float] = {}


def main() -> None:
    """Measure, print the table, and list every program on which the verdicts differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=Path, default=EXAMPLES)
    parser.add_argument("--n", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--distinct", action="store_true")
    options = parser.parse_args()
    programs = load_programs(options.samples, options.n, options.seed, options.distinct)
    version = sys.version.split()[0]
    print(f"{options.samples.name}: {len(programs)} programs, {len(set(programs))} distinct, Python {version}")

    def with_run(*settings: str) -> tuple[list[bool], float]:
        with tempfile.TemporaryDirectory(prefix="lint_") as folder:
            return run_verdicts(programs, settings, Path(folder))

    pylint, ruff = Lint("pylint"), Lint("ruff")
    with_warm_up = programs[:1]
    for lint in (pylint, ruff):
        lint.check_many(with_warm_up)
    ours = measure("stage, pylint", len(programs), options.repeats, lambda: stage_verdicts(programs, pylint))
    batch = measure("stage, ruff", len(programs), options.repeats, lambda: stage_verdicts(programs, ruff))
    theirs = measure("Run, defaults", len(programs), options.repeats, with_run)
    errors_only = measure("Run, --errors-only", len(programs), options.repeats, lambda: with_run("--errors-only"))
    for name in ("Run, defaults", "Run, --errors-only"):
        print(f"ratio to {name}: {RATES['stage, pylint'] / RATES[name]:.1f}x")
    for number, verdicts in enumerate(zip(ours, theirs, errors_only, strict=True)):
        if len(set(verdicts)) > 1:
            print(f"DISAGREE program {number}: stage, Run, Run --errors-only = {verdicts}")
    print(f"agreement with Run: {sum(map(bool.__eq__, ours, theirs))}/{len(programs)}")
    print(f"agreement of ruff with the stage: {sum(map(bool.__eq__, ours, batch))}/{len(programs)}")


if __name__ == "__main__":
    main()
