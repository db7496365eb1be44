"""The attack suite itself, against this machine; and its own positive controls: graders that the programs do fool."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence

import pytest
from attack_bare import naive_grade

from staged_reward.attack.corpus import attacks, honest_programs, usual_pair
from staged_reward.attack.report import lines_of
from staged_reward.attack.runner import ATTACK_LIMITS, run_trials
from staged_reward.attack.trial import CATEGORIES, Must, Trial
from staged_reward.limits import Limits
from staged_reward.problem import StdioTest

SOURCES = [trial for trial in attacks() if trial.name.startswith("source_")]
QUICK = Limits(cpu_seconds=0.5, wall_seconds=1.0, memory_mib=512, output_mib=4, file_mib=16)


def of_category(category: str, *, heavy: bool) -> list[Trial]:
    return [trial for trial in attacks() if trial.category == category and trial.is_heavy == heavy]


def findings(trials: Sequence[Trial], *, limits: Limits = ATTACK_LIMITS, filters: Sequence[str] = ()) -> list[str]:
    return list(lines_of(run_trials(trials, limits=limits, filters=filters)))


# These wait for their limits; `make slow` runs them.
WAITING = ("crash", "exhaust", "wedge")


@pytest.mark.parametrize(
    "category", [pytest.param(name, marks=pytest.mark.slow) if name in WAITING else name for name in CATEGORIES]
)
def test_no_attack_scores_harms_or_becomes_a_fault_of_ours(category: str) -> None:
    assert findings(of_category(category, heavy=False), limits=QUICK) == []


def test_hostile_source_does_no_harm_in_the_filters_either() -> None:
    filters = ("syntax", "lint", "tests=1")
    assert findings([trial for trial in SOURCES if trial.kind == "call"], limits=QUICK, filters=filters) == []


@pytest.mark.slow
@pytest.mark.parametrize("category", sorted({trial.category for trial in attacks() if trial.is_heavy}))
def test_no_heavy_attack_does_either(category: str) -> None:
    assert findings(of_category(category, heavy=True)) == []


def test_every_honest_program_passes() -> None:
    assert findings(honest_programs()) == []


def test_corpus_is_broad() -> None:
    counts = Counter(trial.category for trial in attacks())
    assert set(counts) == set(CATEGORIES)
    assert min(counts.values()) >= 15
    assert counts.total() >= 300
    assert {trial.kind for trial in attacks()} == {"call", "assert", "stdio"}
    assert len(honest_programs()) >= 40


def test_names_are_unique() -> None:
    names = [trial.name for trial in attacks() + honest_programs()]
    assert [name for name, count in Counter(names).items() if count > 1] == []


def test_attacks_must_not_pass_and_honest_programs_must() -> None:
    assert {trial.must for trial in attacks()} == {Must.FAIL, Must.NOT_HARM}
    assert {trial.must for trial in honest_programs()} == {Must.PASS}
    assert all(trial.why for trial in attacks() + honest_programs())


@pytest.mark.parametrize("kind", ["call", "assert", "stdio"])
def test_pair_passes_without_a_sandbox(kind: str, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pair = usual_pair(kind)
    assert naive_grade(pair.problem, pair.program) or kind == "stdio"  # a pipe is no file: its size is unknown


@pytest.mark.parametrize(
    "trial", [t for t in attacks() if t.is_bare], ids=lambda trial: f"{trial.category}/{trial.name}"
)
def test_forging_program_fools_a_grader_that_trusts_the_exit_code(trial: Trial, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert naive_grade(trial.problem, trial.program)


LENIENT: dict[str, Callable[[str, str], bool]] = {
    "stdio_first_line_only": lambda output, expected: output.splitlines()[0] == expected.splitlines()[0],
    "stdio_all_numbers": lambda output, expected: expected in output,
    "stdio_all_on_one_line": lambda output, expected: set(expected.split()) <= set(output.split()),
    "stdio_nothing": lambda output, expected: all(a == b for a, b in zip(output.split(), expected.split(), strict=False)),
    "stdio_near_number": lambda output, expected: abs(float(output) - float(expected)) < 0.01,
    "stdio_nan": lambda output, expected: not abs(float(output) - float(expected)) > 0.01,
}  # fmt: skip


@pytest.mark.parametrize("name", LENIENT)
def test_forging_script_fools_a_comparison_that_is_lenient(name: str) -> None:
    (trial,) = [trial for trial in attacks() if trial.name == name]
    for test in trial.problem.tests:
        assert isinstance(test, StdioTest)
        command = [sys.executable, "-c", trial.program]
        output = subprocess.run(command, input=test.stdin, capture_output=True, text=True, check=True).stdout
        assert LENIENT[name](output, test.stdout)
