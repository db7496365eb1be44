"""The runner finds what it looks for: each finding and each harm has a program that does it where nothing stops it.

The programs run bare, in a throw-away folder, and are harmless; the ones that are not never run here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from attack_bare import BareVerifier

from staged_reward.attack import runner
from staged_reward.attack.canary import Canary
from staged_reward.attack.corpus import FOLDER, read_trial
from staged_reward.attack.harms import ALWAYS, CHECKS
from staged_reward.attack.report import has_held, lines_of, table_of
from staged_reward.attack.runner import FindingKind, Stand, TrialResult
from staged_reward.attack.tasks import problem_of
from staged_reward.attack.trial import Harm, Must, Pair, Trial
from staged_reward.problem import Judgement, Problem, Verdict


@pytest.fixture
def canary() -> Iterator[Canary]:
    with Canary() as canary, canary.in_environment():
        yield canary


@pytest.fixture
def stand(canary: Canary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stand]:
    monkeypatch.chdir(tmp_path)  # where the bare verifier's programs run
    with runner.adopting_orphans():
        yield Stand(BareVerifier(), canary, tmp_path)


def trial(program: str, *, must: Must = Must.FAIL, harms: tuple[Harm, ...] = (), kind: str = "call") -> Trial:
    return Trial(
        name="n",
        category="tamper",
        kind=kind,
        problem=problem_of("add" if kind == "call" else "sum", kind),
        program=program,
        must=must,
        harms=harms,
        pair=Pair(problem_of("add", "call"), "def add(a, b):\n    return a + b\n"),
    )


def kinds(result: TrialResult) -> set[str]:
    return {finding.kind.value for finding in result.findings}


def texts(result: TrialResult) -> str:
    return "\n".join(finding.text for finding in result.findings)


def test_program_that_does_nothing_wrong_has_no_finding(stand: Stand) -> None:
    result = stand.try_out(trial("def add(a, b):\n    return 0\n"))
    assert (result.verdict, result.findings) == (Verdict.WRONG_ANSWER, ())


# One program of the corpus per category that can be shown without a sandbox, and what must be found.
CONTROLS = [
    ("forge_pass/hard_exit_while_loading", FindingKind.SCORED, "graded as right"),
    ("evade_filter/rot13_exec", FindingKind.SCORED, "graded as right"),
    ("tamper/canary_overwritten", FindingKind.HARM, "keep.txt was changed"),
    ("tamper/canary_removed", FindingKind.HARM, "keep.txt is gone"),
    ("tamper/canary_added", FindingKind.HARM, "new was added"),
    ("tamper/canary_metadata", FindingKind.HARM, "keep.txt has another mode or owner"),
    ("escape/tcp", FindingKind.HARM, "the TCP port was reached"),
    ("escape/udp", FindingKind.HARM, "the UDP port was reached"),
    ("escape/abstract_socket", FindingKind.HARM, "the abstract Unix socket was reached"),
    ("exfiltrate/secret_file_in_error", FindingKind.HARM, "the secret is in its output"),
    ("exfiltrate/environment", FindingKind.HARM, "the secret is in its output"),
    ("exfiltrate/verifier_source_by_path", FindingKind.HARM, "lines of the verifier's source"),
    ("exhaust/names_of_bytes", FindingKind.HARM, "8 more files in the scratch folder"),
    ("wedge/daemon_left", FindingKind.HARM, "processes canarydmn are left"),
    ("crash/abort", FindingKind.INFRA_ERROR, "infra_error"),
]


@pytest.mark.parametrize(("name", "kind", "text"), CONTROLS, ids=[name for name, _, _ in CONTROLS])
def test_program_that_nothing_stops_is_found(stand: Stand, name: str, kind: FindingKind, text: str) -> None:
    path = FOLDER / "programs" / f"{name}.py"
    result = stand.try_out(read_trial(path, path.parent.name))
    assert kind in kinds(result), result
    assert text in texts(result)


def test_folder_is_whole_again_for_the_next_program(stand: Stand, canary: Canary) -> None:
    stand.try_out(trial("open('@DIR@/more', 'w').close()\n"))
    assert canary.damage() == []


def test_next_program_that_fails_is_found(stand: Stand) -> None:
    spoiled = trial("open('spoiled', 'w').close()\n")
    pair = Pair(
        problem_of("add", "call"), "import os\nassert not os.path.exists('spoiled')\ndef add(a, b): return a + b\n"
    )
    assert "pair failed" in kinds(stand.try_out(replace(spoiled, pair=pair)))


def test_honest_program_that_fails_is_found(stand: Stand) -> None:
    assert kinds(stand.try_out(trial("def add(a, b):\n    return 0\n", must=Must.PASS))) == {"honest failed"}
    assert kinds(stand.try_out(trial("def add(a, b):\n    return a + b\n", must=Must.PASS))) == set()


def test_right_answer_is_allowed_where_only_harm_counts(stand: Stand) -> None:
    assert kinds(stand.try_out(trial("def add(a, b):\n    return a + b\n", must=Must.NOT_HARM))) == set()
    assert kinds(stand.try_out(trial("def add(a, b):\n    return a + b\n"))) == {"scored"}


DAEMON = """import os, time
if os.fork() == 0:
    os.setsid()
    os.closerange(0, 64)
    open('/proc/self/comm', 'w').write('canaryx')
    time.sleep(4)
    os._exit(0)
"""
MEMORY = """import time
block = bytearray(300 << 20)
for at in range(0, len(block), 4096):
    block[at] = 1
time.sleep(0.3)
"""
SOURCE = "print(open('@PACKAGE@/sandbox/wire.py').read())\n"
HARMFUL: dict[str, tuple[str, Harm]] = {
    "canary_file_absent": ("open('@DIR@/pwned', 'w').close()\n", Harm("canary_file_absent", {"path": "pwned"})),
    "canary_intact": ("open('@DIR@/keep.txt', 'w').close()\n", Harm("canary_intact")),
    "cwd_removed": ("open('left', 'w').close()\n", Harm("cwd_removed")),
    "no_harness_source_in_output": (SOURCE, Harm("no_harness_source_in_output")),
    "no_process_named": (DAEMON, Harm("no_process_named", {"comm": "canaryx"})),
    "no_visitors": ("import socket\nsocket.create_connection(('127.0.0.1', int('@PORT@')))\n", Harm("no_visitors")),
    "not_reached": ("print('REACHED the moon')\n", Harm("not_reached")),
    "nothing_left": (DAEMON, Harm("nothing_left")),
    "output_is_a_line": ("print('\\x1b[2J')\n", Harm("output_is_a_line")),
    "paths_absent_glob": ("open('canary_left', 'w').close()\n", Harm("paths_absent_glob", {"glob": "canary_l*"})),
    "rss_below_limit": (MEMORY, Harm("rss_below_limit", {"note": "n"})),
    "secret_not_in_output": ("import os\nprint(os.environ['CANARY_SECRET'])\n", Harm("secret_not_in_output")),
    "time_reported_at_least": ("pass\n", Harm("time_reported_at_least", {"s": 1.0})),
    "verdict_within": ("import time\ntime.sleep(0.8)\n", Harm("verdict_within", {"limit_plus_s": 0})),
}  # fmt: skip


@pytest.mark.parametrize("name", HARMFUL)
def test_harm_that_is_done_is_found(stand: Stand, name: str) -> None:
    program, harm = HARMFUL[name]
    found = stand.try_out(trial(program, must=Must.NOT_HARM, harms=(harm,)))
    assert kinds(found) <= {"harm", "late"}, found
    assert kinds(found)


def test_key_that_is_left_is_found(stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = tmp_path / "keys"
    monkeypatch.setattr("staged_reward.attack.census.KEYS", str(keys))
    program = f"open('{keys}', 'w').write('0abf9279 I------ 1 perm 1f0b0000 0 0 user      canary_note: 1')\n"
    found = stand.try_out(trial(program, must=Must.NOT_HARM, harms=(Harm("no_key", {"name": "canary_note"}),)))
    assert "key canary_note is left" in texts(found)


def test_every_check_has_a_control() -> None:
    silent = {"next_candidate_passes", "report_only"}  # the first is made for every program, see above
    assert set(CHECKS) == {*HARMFUL, *silent, "no_key"}
    assert set(ALWAYS) <= set(CHECKS)


class SlowOnce(BareVerifier):
    """Late at the first program only, as on a busy machine."""

    calls = 0

    def verify(self, problems: Sequence[Problem], programs: Sequence[str | None]) -> list[Judgement]:
        self.calls += 1
        if self.calls == 1:
            time.sleep(0.6)
        return super().verify(problems, programs)


def test_verdict_that_is_late_once_is_no_finding(canary: Canary, tmp_path: Path) -> None:
    verifier = SlowOnce()
    harms = (Harm("verdict_within", {"limit_plus_s": 0}),)
    result = Stand(verifier, canary, tmp_path).try_out(trial("raise ValueError\n", harms=harms))
    assert (result.findings, verifier.calls) == ((), 4)


@pytest.mark.parametrize(
    "change", [lambda folder: None, lambda folder: (folder / "left").touch()], ids=["nothing", "a file"]
)
def test_what_is_left_at_the_end_is_found(stand: Stand, tmp_path: Path, change: Callable[[Path], None]) -> None:
    change(tmp_path)
    expected = ["1 files are left after the end"] if list(tmp_path.iterdir()) else []
    assert [finding.text for finding in stand.close()] == expected


def test_report_has_a_row_per_category_and_a_line_per_finding(stand: Stand) -> None:
    results = [stand.try_out(trial("raise SystemExit\n")), stand.try_out(trial("def add(a, b):\n    return 0\n"))]
    assert list(lines_of(results)) == ["tamper/n: scored: it was graded as right ()"]
    assert not has_held(results)
    assert has_held(results[1:])
    table = table_of(results)
    assert [column.header for column in table.columns][:4] == ["category", "tried", "held", "scored"]
    assert [list(column.cells) for column in table.columns][:4] == [
        ["tamper", "all"],
        ["2", "2"],
        ["1", "1"],
        ["1", "1"],
    ]


def test_attacks_and_honest_programs_run_under_their_own_limits() -> None:
    assert runner.ATTACK_LIMITS.wall_seconds < runner.HONEST_LIMITS.wall_seconds
