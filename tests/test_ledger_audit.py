"""Audits: which completions are drawn, what they show, and that they hold up nothing."""

import pickle
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from staged_reward import InfraError, InputError, Judgement, Problem, StagedVerifier
from staged_reward.gate import Gate
from staged_reward.ledger.audit import MAX_WAITING, Audit, Auditor
from staged_reward.ledger.estimates import estimate_all
from staged_reward.limits import Limits
from staged_reward.problem import CallTest

ADD = "def add(a, b):\n    return a + b\n"
ONES = "def add(a, b):\n    return 3\n"  # passes the first test only
SUBTRACT = "def add(a, b):\n    return a - b\n"
SLOW = "import time\n\n\ndef add(a, b):\n    time.sleep(0.3)\n    return a + b\n"
TESTS = (CallTest(args=(1, 2), expected=3), CallTest(args=(2, 2), expected=4))
PROBLEMS = [Problem(task_id=f"t{number}", entry_point="add", tests=TESTS) for number in range(4)]
LINTED = "def add(a, b):\n    return a + b\n    undefined_name()\n"  # right, and pylint removes it


@pytest.fixture(scope="module")
def verifier() -> Iterator[StagedVerifier]:
    with StagedVerifier(("syntax", "lint", "tests=1"), workers=1, limits=Limits(wall_seconds=20.0)) as verifier:
        yield verifier


@pytest.fixture
def auditor() -> Iterator[Auditor]:
    auditor = Auditor(1.0)
    yield auditor
    auditor.close()


class Calls:
    """Judges programs and has them audited."""

    def __init__(self, auditor: Auditor, verifier: StagedVerifier) -> None:
        self.auditor, self.verifier = auditor, verifier
        self.reports: list[Audit] = []

    def __call__(self, programs: Sequence[str], *, place: str = "0") -> list[Judgement]:
        problems = [PROBLEMS[index % 4] for index in range(len(programs))]
        judgements = self.verifier.verify(problems, programs)
        self.auditor.submit(judgements, problems, self.verifier, Gate(), place, self.reports.append)
        return judgements


def test_what_the_filters_let_through_and_what_they_removed_is_found_out(
    auditor: Auditor, verifier: StagedVerifier
) -> None:
    calls = Calls(auditor, verifier)
    auditor.frac = 1.0
    calls([ADD, ONES, SUBTRACT, LINTED, ADD, ADD, ADD, ADD])
    auditor.wait()
    (report,) = calls.reports
    kinds = {(item.survived, item.is_top, item.passed) for item in report.audited}
    assert kinds <= {
        (True, True, True),
        (True, True, False),
        (True, False, True),
        (False, False, False),
        (False, False, True),
    }
    assert report.num_drawn == len(report.audited)
    assert report.cpu_seconds > 0
    removed = [item for item in report.audited if not item.survived]
    assert {item.passed for item in removed} == {True, False}  # the linter removed a program that is right
    assert estimate_all(report.audited)["false_negative_rate"].value > 0


def test_the_same_seed_draws_the_same_and_another_does_not(verifier: StagedVerifier) -> None:
    def drawn(seed: int, place: str) -> list[tuple[str, bool]]:
        auditor = Auditor(0.4, seed=seed)
        calls = Calls(auditor, verifier)
        calls([ADD, SUBTRACT, ONES, ADD, SUBTRACT, ADD, ONES, SUBTRACT] * 3, place=place)
        auditor.wait()
        auditor.close()
        return [(item.task_id, item.passed) for item in calls.reports[0].audited]

    assert drawn(1, "a") == drawn(1, "a")
    assert len({tuple(drawn(seed, place)) for seed in (1, 2) for place in ("a", "b")}) > 1


def test_as_many_are_drawn_as_was_asked_for_spread_over_the_kinds(verifier: StagedVerifier) -> None:
    """4 tops, 16 other survivors and 80 removed: of 30, all 4 tops and 13 of each other kind."""
    judgements = Calls(Auditor(0.0), verifier)([ADD] * 20 + [SUBTRACT] * 80)
    problems = [PROBLEMS[index % 4] for index in range(100)]
    counts = {"top": 0.0, "survivor": 0.0, "removed": 0.0}
    weights = dict(counts)
    for seed in range(200):
        auditor = Auditor(0.3, seed=seed)
        items = _drawn(auditor, judgements, problems)
        for kind, weight in items:
            counts[kind] += 1 / 200
            weights[kind] += weight / 200
    assert counts == pytest.approx({"top": 4, "survivor": 13, "removed": 13}, abs=1.0)
    assert weights == pytest.approx({"top": 4, "survivor": 16, "removed": 80}, rel=0.1)


def _drawn(auditor: Auditor, judgements: Sequence[Judgement], problems: Sequence[Problem]) -> list[tuple[str, float]]:
    from staged_reward.ledger.audit import _items

    drawn = auditor._draw(_items(judgements, problems, Gate()), judgements, problems, "0")
    return [
        ("top" if one.item.is_top else "survivor" if one.item.survived else "removed", one.item.weight) for one in drawn
    ]


def test_a_call_gets_as_many_as_its_seconds_allow_and_those_count_for_the_rest(verifier: StagedVerifier) -> None:
    auditor = Auditor(1.0, max_seconds=2.0)
    auditor._seconds, auditor._num_run = 5.0, 10  # what earlier audits took
    calls = Calls(auditor, verifier)
    calls([SLOW] * 12)
    auditor.wait()
    (report,) = calls.reports
    assert report.num_drawn == 12
    assert len(report.audited) == 4
    assert all(item.passed for item in report.audited)  # slow ones are not stopped
    assert sum(item.weight for item in report.audited) == pytest.approx(12)
    assert auditor._num_run == 14
    assert auditor._seconds == pytest.approx(5.0 + report.seconds)
    auditor.close()


def test_a_call_does_not_wait_for_its_audit(verifier: StagedVerifier) -> None:
    auditor = Auditor(1.0)
    calls = Calls(auditor, verifier)
    judgements = calls.verifier.verify(PROBLEMS, [SLOW] * 4)
    start = time.monotonic()
    auditor.submit(judgements, PROBLEMS, verifier, Gate(), "0", calls.reports.append)
    assert time.monotonic() - start < 0.2
    auditor.wait()
    auditor.close()
    assert len(calls.reports) == 1


def test_audits_that_cannot_keep_up_are_left_out_and_said_to_be(verifier: StagedVerifier) -> None:
    auditor = Auditor(1.0)
    calls = Calls(auditor, verifier)
    judgements = verifier.verify(PROBLEMS, [SLOW] * 4)
    for number in range(MAX_WAITING + 4):
        auditor.submit(judgements, PROBLEMS, verifier, Gate(), str(number), calls.reports.append)
    left_out = [report for report in calls.reports if not report.audited]
    assert len(left_out) >= 3
    assert all(report.num_drawn == 4 for report in left_out)
    auditor.close()


def test_a_verifier_that_runs_every_suite_needs_no_audit() -> None:
    with StagedVerifier(("syntax", "tests=1"), full=True, workers=1) as exact:
        auditor = Auditor(0.0)
        calls = Calls(auditor, exact)
        calls([ADD, ONES, SUBTRACT, ADD])
        (report,) = calls.reports
        found = estimate_all(report.audited)
        assert found["false_positive_rate"].value == pytest.approx(1 / 3)
        assert found["false_negative_rate"].value == 0.0
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("audit")]


def test_a_fault_of_an_audit_is_raised_by_the_next_call(verifier: StagedVerifier) -> None:
    auditor = Auditor(1.0)
    judgements = verifier.verify(PROBLEMS, [ADD] * 4)

    def fails(audit: Audit) -> None:
        raise ZeroDivisionError("of the report")

    auditor.submit(judgements, PROBLEMS, verifier, Gate(), "0", fails)
    with pytest.raises(InfraError, match="the audit broke down: ZeroDivisionError"):
        auditor.wait()
    reports: list[Audit] = []
    auditor.submit(judgements, PROBLEMS, verifier, Gate(), "1", reports.append)  # and it goes on
    auditor.wait()
    auditor.close()
    assert len(reports) == 1


def test_closing_ends_the_thread_and_a_later_call_starts_another(verifier: StagedVerifier) -> None:
    auditor = Auditor(1.0)
    calls = Calls(auditor, verifier)
    for number in (1, 2):
        calls([ADD] * 4)
        auditor.wait()
        auditor.close()
        assert len(calls.reports) == number
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("audit")]


def test_it_is_picklable_while_it_runs(auditor: Auditor, verifier: StagedVerifier) -> None:
    Calls(auditor, verifier)([SLOW] * 4)
    copy = pickle.loads(pickle.dumps(auditor))
    assert (copy.frac, copy.max_seconds, copy.seed) == (1.0, 10.0, 0)
    calls = Calls(copy, verifier)
    calls([ADD] * 4)
    copy.wait()
    copy.close()
    assert len(calls.reports) == 1


@pytest.mark.parametrize("settings", [{"frac": -0.1}, {"frac": 1.1}, {"max_seconds": 0}, {"max_seconds": -1}])
def test_numbers_out_of_range_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="give a"):
        Auditor(**settings)
