"""Trials in, findings out. Each program goes through the public `StagedVerifier`, in one worker, and its pair goes next.

One program runs at a time: what is found on the host afterwards is then its own doing.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from staged_reward.attack.canary import Canary
from staged_reward.attack.census import PREFIX, Census, all_processes, descendants, ended_children, settled, take_census
from staged_reward.attack.corpus import usual_pair
from staged_reward.attack.harms import LATE, Evidence, find_harms
from staged_reward.attack.memory import MemoryPeak
from staged_reward.attack.trial import HONEST, Must, Trial
from staged_reward.errors import InfraError
from staged_reward.isolation import kernel
from staged_reward.limits import Limits
from staged_reward.problem import Judgement, Problem, Verdict
from staged_reward.sandbox.shared import MIN_PROGRAMS
from staged_reward.verifier import StagedVerifier

ATTACK_LIMITS = Limits(cpu_seconds=1.0, wall_seconds=2.0, memory_mib=512, output_mib=4, file_mib=16)
HONEST_LIMITS = Limits()


class FindingKind(StrEnum):
    """What is wrong."""

    SCORED = "scored"
    HARM = "harm"
    INFRA_ERROR = "infra_error"
    PAIR_FAILED = "pair failed"
    LATE = "late"
    HONEST_FAILED = "honest failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and how it showed."""

    kind: FindingKind
    text: str


@dataclass(frozen=True, slots=True)
class TrialResult:
    """What became of one program; without findings, the sandbox held."""

    trial: Trial
    verdict: Verdict
    seconds: float
    findings: tuple[Finding, ...]


def run_trials(
    trials: Sequence[Trial],
    *,
    limits: Limits = ATTACK_LIMITS,
    honest_limits: Limits = HONEST_LIMITS,
    layers: Sequence[str] | None = None,
    filters: Sequence[str] = (),
    on_result: Callable[[TrialResult], None] = lambda result: None,
) -> list[TrialResult]:
    """Run attacks, then honest programs.

    Args:
        trials: What to run.
        limits: For attacks: small, since many of them run until they are stopped.
        honest_limits: For honest programs.
        layers: Of isolation; None for all that the machine has. With none at all, harm is to be expected.
        filters: Cheap stages before the tests, as in `StagedVerifier`: they look at hostile source, too.
        on_result: Called after each program.

    Returns:
        One result per trial; attacks first.
    """
    results: list[TrialResult] = []
    for group, group_limits in ((False, limits), (True, honest_limits)):
        chosen = [trial for trial in trials if (trial.category == HONEST) is group]
        if not chosen:
            continue
        with _stand(group_limits, layers, filters) as stand:
            for trial in chosen:
                results.append(stand.try_out(trial))
                on_result(results[-1])
            left = stand.close()
        if left:
            results[-1] = replace(results[-1], findings=(*results[-1].findings, *left))
    return results


class Stand:
    """A verifier with one worker, and what is watched while it runs.

    Args:
        verifier: What is tried out.
        canary: What programs should not reach.
        scratch: The folder in which the verifier makes its temporary folders.
    """

    def __init__(self, verifier: StagedVerifier, canary: Canary, scratch: Path) -> None:
        self._verifier = verifier
        self._canary = canary
        self._scratch = scratch
        self._warm = self._census()
        self._num_own = self._warm.num_descendants  # of whoever runs this: the verifier has started nothing

    def warm_up(self) -> None:
        """Start what the verifier starts at first use, so that it is no finding."""
        for kind in ("call", "stdio"):
            pair = usual_pair(kind)
            self._verifier.verify([pair.problem], [pair.program])
        self._verifier.verify([usual_pair("call").problem], ["import numpy\n" + usual_pair("call").program])
        for number in range(MIN_PROGRAMS + 1):
            self._verifier.verify([usual_pair("call").problem], [f"number = {number}\n"])
        self._warm = self._census()

    def try_out(self, trial: Trial) -> TrialResult:
        """Run a program and its pair. A verdict that is only late has a second try: the machine may be busy."""
        result = self._try_once(trial)
        if result.findings and all(finding.kind is FindingKind.LATE for finding in result.findings):
            result = self._try_once(trial)
        return result

    def close(self) -> list[Finding]:
        """Close the verifier, and return what it leaves."""
        self._verifier.close()

        def look() -> list[str]:
            census = self._census()
            left = {"processes": census.num_descendants - self._num_own, "files": census.scratch}
            return [f"{count} {what} are left after the end" for what, count in left.items() if count > 0]

        return [Finding(FindingKind.HARM, text) for text in settled(look)]

    def _try_once(self, trial: Trial) -> TrialResult:
        before = self._census_before()
        self._canary.visitors()
        with MemoryPeak() as peak:
            start = time.monotonic()
            judgement = self._judge(trial.problem, self._canary.fill(trial.program))
            seconds = time.monotonic() - start
        pair = trial.pair or usual_pair(trial.kind, like=trial.program)
        next_one = self._judge(pair.problem, pair.program)
        limits = self._verifier.limits
        evidence = Evidence(judgement, seconds, peak.mib, limits, self._canary, self._scratch, before)
        findings = [*_wrong_verdict(trial, judgement), *_wrong_pair(next_one), *_harm(evidence, trial)]
        self._clean_up(before)
        return TrialResult(trial, judgement.verdict, seconds, tuple(findings))

    def _judge(self, problem: Problem, program: str) -> Judgement:
        try:
            return self._verifier.verify([problem], [program])[0]
        except InfraError as error:
            return Judgement(
                task_id=problem.task_id, verdict=Verdict.INFRA_ERROR, stage="full", passed=False, detail=str(error)
            )

    def _census(self) -> Census:
        return take_census(self._scratch)

    def _census_before(self) -> Census:
        """Look at the machine; what the verifier has had running at its start it may start again."""
        census, warm = self._census(), self._warm
        return replace(
            census,
            num_descendants=max(census.num_descendants, warm.num_descendants),
            scratch=max(census.scratch, warm.scratch),
        )

    def _clean_up(self, before: Census) -> None:
        """Let the next program find what this one found."""
        for path in self._census().files - before.files:
            subprocess.run(["rm", "-rf", "--", path], check=False, stderr=subprocess.DEVNULL)
        if self._canary.damage():
            self._canary.repair()
        for process in descendants(list(all_processes()), os.getpid()).values():
            if process.name.startswith(PREFIX):
                with suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)
        for pid in ended_children(list(all_processes())):
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def _wrong_verdict(trial: Trial, judgement: Judgement) -> Iterator[Finding]:
    shown = f"{judgement.verdict}: {judgement.detail}"
    if trial.must is Must.PASS:
        if judgement.verdict is not Verdict.PASSED:
            yield Finding(FindingKind.HONEST_FAILED, shown)
    elif judgement.verdict is Verdict.INFRA_ERROR:
        yield Finding(FindingKind.INFRA_ERROR, shown)
    elif judgement.passed and trial.must is Must.FAIL:
        yield Finding(FindingKind.SCORED, "it was graded as right")


def _wrong_pair(judgement: Judgement) -> Iterator[Finding]:
    if judgement.verdict is not Verdict.PASSED:
        yield Finding(FindingKind.PAIR_FAILED, f"{judgement.verdict}: {judgement.detail}")


def _harm(evidence: Evidence, trial: Trial) -> Iterator[Finding]:
    for text in find_harms(evidence, trial.harms):
        yield Finding(FindingKind.LATE if text.startswith(LATE) else FindingKind.HARM, text)


@contextmanager
def _stand(limits: Limits, layers: Sequence[str] | None, filters: Sequence[str]) -> Iterator[Stand]:
    """Set everything up, and take all of it away."""
    folder = tempfile.mkdtemp(prefix="staged-reward-attack-")
    os.chmod(folder, 0o711)  # programs that run as another user have to get through
    try:
        with (
            Canary() as canary,
            canary.in_environment(TMPDIR=folder),
            adopting_orphans(),
            StagedVerifier(
                filters=filters, full=True, workers=1, time_limit="exact", limits=limits, layers=layers
            ) as verifier,
        ):
            stand = Stand(verifier, canary, Path(folder))
            stand.warm_up()
            yield stand
    finally:
        # not `shutil.rmtree`: it recurses, and so fails on what is nested deeply
        subprocess.run(["rm", "-rf", "--", folder], check=False, stderr=subprocess.DEVNULL)


@contextmanager
def adopting_orphans() -> Iterator[None]:
    """Make this process the parent of whatever slips away from the verifier, so that it is seen."""
    kernel.adopt_orphans()
    try:
        yield
    finally:
        kernel.adopt_orphans(False)
