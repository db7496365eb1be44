"""Lint throughput: `pylint.lint.Run` on one file per program against the `lint` stage, on the same programs.

    python benchmarks/lint.py --samples SAMPLES.jsonl.gz --n 300 --repeats 3
    python benchmarks/lint.py --samples SAMPLES.jsonl.gz --n 300 --repeats 3 --distinct

Which rows: `--n` rows of the file that have the key `solution`, drawn at random without replacement (`--seed`). As they
come, so a program that stands in the file several times can be drawn several times; with `--distinct` the draw is from
the different texts instead. Nothing is left out: programs that do not compile are linted as well.

Each of the four sides (the stage with pylint and with ruff; `Run` with its defaults and with `--errors-only`) has a
fresh process of its own, so none warms another's caches. A side lints one program to warm up (`first`: that program,
and the imports it takes), then all programs `--repeats` times; its figure is the median of programs per second, wall
clock (CPU for comparison, since the sides do not run at the same time). The first repeat also parses the modules that
programs import, on all sides alike.

`Run` gets a fresh file name per program and repeat, because astroid caches modules by name; writing files is not
counted. Its messages E and F decide its verdict. It reads third-party modules that are installed, while to the stage
they are opaque: differences are listed, with the first message of the stage.
"""

from __future__ import annotations

import argparse
import gzip
import json
import multiprocessing
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from staged_reward.problem import Verdict
from staged_reward.stages.lint import Lint, Tool

EXAMPLES = Path(__file__).parent.parent / "staged_reward" / "examples" / "candidates.jsonl"
SIDES = ("stage, pylint", "stage, ruff", "Run, defaults", "Run, --errors-only")


class Measured(NamedTuple):
    """What one side did: a verdict and a reason per program, programs per second per repeat, and costs in the end."""

    passed: list[bool]
    details: list[str]
    rates: list[float]
    cpu_rates: list[float]
    first_seconds: float
    rss_mib: int


def load_programs(path: Path, n: int, seed: int, distinct: bool) -> list[str]:
    """Draw `n` programs from a JSONL or JSONL.gz file."""
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    rows = [json.loads(line) for line in data.splitlines() if line.strip()]
    programs = [row["solution"] for row in rows if "solution" in row]
    if distinct:
        programs = list(dict.fromkeys(programs))
    return random.Random(seed).sample(programs, min(n, len(programs)))


def run_details(programs: Sequence[str], options: Sequence[str]) -> tuple[list[str], float, float]:
    """First error that `pylint.lint.Run` finds in each program ("" if none); wall and CPU seconds of its calls."""
    from pylint.lint import Run
    from pylint.reporters import CollectingReporter

    details, seconds, cpu_seconds = [], 0.0, 0.0
    with tempfile.TemporaryDirectory(prefix="lint_") as folder:
        for number, program in enumerate(programs):
            path = Path(folder, f"program_{Path(folder).name}_{number}.py")
            path.write_text(program, encoding="utf-8", newline="")
            reporter = CollectingReporter()
            wall, cpu = time.perf_counter(), time.process_time()
            Run(["--rcfile=/dev/null", *options, str(path)], reporter=reporter, exit=False)
            seconds, cpu_seconds = seconds + time.perf_counter() - wall, cpu_seconds + time.process_time() - cpu
            details.append(next((message.symbol for message in reporter.messages if message.msg_id[0] in "EF"), ""))
    return details, seconds, cpu_seconds


def stage_details(programs: Sequence[str], lint: Lint) -> tuple[list[str], float, float]:
    """Why each program fails the stage ("" if it passes); wall and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    results = lint.check_many(programs)
    seconds, cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu
    return ["" if r.verdict is Verdict.PASSED else r.detail for r in results], seconds, cpu_seconds


def lint_of(side: str) -> Callable[[Sequence[str]], tuple[list[str], float, float]]:
    """What lints a list of programs on a side."""
    if side.startswith("Run"):
        options = ["--errors-only"] if side.endswith("--errors-only") else []
        return lambda programs: run_details(programs, options)
    tool: Tool = "ruff" if side.endswith("ruff") else "pylint"
    lint = Lint(tool)
    return lambda programs: stage_details(programs, lint)


def measure(side: str, programs: list[str], repeats: int) -> Measured:
    """Lint all programs `repeats` times on one side. To be called in a fresh process."""
    start = time.perf_counter()
    lint = lint_of(side)
    lint(programs[:1])
    first = time.perf_counter() - start
    runs = [lint(programs) for _ in range(repeats)]
    details = runs[0][0]
    return Measured(
        passed=[not detail for detail in details],
        details=details,
        rates=[len(programs) / seconds for _, seconds, _ in runs],
        cpu_rates=[len(programs) / cpu_seconds for _, _, cpu_seconds in runs],
        first_seconds=first,
        rss_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
    )


def main() -> None:
    """Measure the sides one after the other, print the table, and list every program on which verdicts differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=Path, default=EXAMPLES)
    parser.add_argument("--n", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--distinct", action="store_true")
    options = parser.parse_args()
    programs = load_programs(options.samples, options.n, options.seed, options.distinct)
    how = "distinct" if options.distinct else f"as they come, {len(set(programs))} distinct"
    print(
        f"{options.samples.name}: {len(programs)} programs, {how}, seed {options.seed}, Python {sys.version.split()[0]}"
    )
    measured = {}
    for side in SIDES:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            measured[side] = pool.apply(measure, (side, programs, options.repeats))
        print_side(side, measured[side])
    print_comparison(programs, measured)


def print_side(side: str, result: Measured) -> None:
    """One line of the table."""
    rate, cpu_rate = statistics.median(result.rates), statistics.median(result.cpu_rates)
    runs = ", ".join(f"{run:.1f}" for run in result.rates)
    costs = f"CPU {cpu_rate:.1f}/s; first {result.first_seconds:.2f} s; peak {result.rss_mib} MiB; runs: {runs}"
    print(f"{side:20s} {rate:8.1f} programs/s   ({costs})", flush=True)


def print_comparison(programs: list[str], measured: dict[str, Measured]) -> None:
    """Ratios of medians, and disagreements."""
    ours = measured["stage, pylint"]
    for side in ("Run, defaults", "Run, --errors-only"):
        ratio = statistics.median(ours.rates) / statistics.median(measured[side].rates)
        cpu_ratio = statistics.median(ours.cpu_rates) / statistics.median(measured[side].cpu_rates)
        agreeing = sum(map(bool.__eq__, ours.passed, measured[side].passed))
        print(f"stage against {side}: {ratio:.1f}x (CPU {cpu_ratio:.1f}x), same verdict {agreeing}/{len(programs)}")
    agreeing = sum(map(bool.__eq__, ours.passed, measured["stage, ruff"].passed))
    print(f"ruff against pylint in the stage: same verdict {agreeing}/{len(programs)}")
    for number in range(len(programs)):
        found = [measured[side].details[number] for side in ("stage, pylint", "Run, defaults", "Run, --errors-only")]
        if len({bool(detail) for detail in found}) > 1:
            print(f"DIFFERS program {number}: stage {found[0]!r}, Run {found[1]!r}, Run --errors-only {found[2]!r}")


if __name__ == "__main__":
    main()
