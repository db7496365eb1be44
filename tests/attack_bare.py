"""A verifier without any sandbox, as the positive control for the attack suite: what it lets through must be found.

It runs program and tests in one fresh interpreter and trusts its exit code. Only harmless programs may be given to it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from staged_reward.attack.tasks import statements_of
from staged_reward.limits import Limits
from staged_reward.problem import Judgement, Problem, StdioTest, Verdict


def naive_grade(problem: Problem, program: str, seconds: float = 20.0) -> bool:
    """Tell whether a grader that trusts the exit code takes the program for right."""
    return BareVerifier(seconds).verify([problem], [program])[0].passed


class BareVerifier:
    """Has what `Stand` uses of a `StagedVerifier`."""

    def __init__(self, seconds: float = 20.0) -> None:
        self._seconds = seconds
        self.limits = Limits(wall_seconds=0.5, memory_mib=64)

    def verify(self, problems: Sequence[Problem], programs: Sequence[str | None]) -> list[Judgement]:
        pairs = zip(problems, programs, strict=True)
        return [self._judge(problem, program or "") for problem, program in pairs]

    def close(self) -> None:
        pass

    def _judge(self, problem: Problem, program: str) -> Judgement:
        source = "\n".join([program, *statements_of(problem), ""])
        command = [sys.executable, "-c", source]
        verdict, detail = Verdict.PASSED, ""
        inputs = [test for test in problem.tests if isinstance(test, StdioTest)] or [StdioTest("", "")]
        for test in inputs:
            try:
                done = subprocess.run(command, input=test.stdin.encode(), capture_output=True, timeout=self._seconds)
            except subprocess.TimeoutExpired:
                verdict = Verdict.TIMEOUT
                break
            detail += (done.stdout + done.stderr).decode(errors="replace")
            if done.returncode < 0:
                verdict = Verdict.INFRA_ERROR  # taken for a fault of the grader
            elif done.returncode or (test.stdout and test.stdout != done.stdout.decode(errors="replace")):
                verdict = Verdict.WRONG_ANSWER
        passed = verdict is Verdict.PASSED
        detail = detail.replace("\n", " ")
        return Judgement(task_id=problem.task_id, verdict=verdict, stage="full", passed=passed, detail=detail)
