"""The full suite the way graders without a sandbox run it: one Python interpreter per program, per test for `stdio`.

It is the yardstick of throughput in Orlanski et al. (arXiv 2506.10056). It runs programs with this user's rights and
nothing between them and the machine: for samples that you trust. Its verdict is the exit code, which a program can forge.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from staged_reward.problem import AssertTest, CallTest, Problem, StdioTest


def run_in_processes(
    problems: Sequence[Problem], programs: Sequence[str | None], workers: int, limit_seconds: float
) -> list[bool]:
    """Return whether each program passes all tests, `workers` at a time; a process has `limit_seconds` of wall time."""

    def run(problem: Problem, program: str | None) -> bool:
        if program is None:
            return False
        seconds = problem.time_limit_seconds or limit_seconds
        scripts = [test for test in problem.tests if isinstance(test, StdioTest)]
        others = [
            _statement(test, problem.entry_point or "") for test in problem.tests if not isinstance(test, StdioTest)
        ]
        source = "\n".join([problem.setup, program, *others]) + "\n"
        if others and _output_of(source, "", seconds) is None:
            return False
        return all(_same(_output_of(program, test.stdin, seconds), test.stdout) for test in scripts)

    with ThreadPoolExecutor(workers) as executor:
        return list(executor.map(run, problems, programs))


def _statement(test: CallTest | AssertTest, entry_point: str) -> str:
    """Return a test as source that raises when it fails."""
    if isinstance(test, AssertTest):
        return test.code
    arguments = [repr(value) for value in test.args] + [f"{key}={value!r}" for key, value in test.kwargs.items()]
    call = f"{entry_point}({', '.join(arguments)})"
    if test.check is None:
        return f"assert {call} == {test.expected!r}"
    return f"import math\nresult, expected = {call}, {test.expected!r}\nassert {test.check}"


def _output_of(source: str, stdin: str, seconds: float) -> str | None:
    """Return what a script prints; None where it fails, runs too long or cannot be started."""
    command = [sys.executable, "-c", source]
    try:
        done = subprocess.run(command, input=stdin, capture_output=True, timeout=seconds, text=True, check=False)
    except (subprocess.TimeoutExpired, ValueError, OSError):  # a NUL byte; an argument too long
        return None
    return done.stdout if done.returncode == 0 else None


def _same(output: str | None, expected: str) -> bool:
    return output is not None and [line.rstrip() for line in output.rstrip().splitlines()] == [
        line.rstrip() for line in expected.rstrip().splitlines()
    ]
