"""StagedVerifier with real workers: order, verdicts, odd programs, time limits, threads, and what is left behind."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from staged_reward import InputError, Judgement, Limits, Problem, StagedVerifier
from staged_reward.problem import AssertTest, CallTest, StdioTest

SQUARE = Problem(
    task_id="square",
    prompt="def f(x):\n",
    entry_point="f",
    tests=tuple(CallTest((x,), {}, x * x) for x in (2, 3, 4, 5)),
)
ECHO = Problem(task_id="echo", tests=(StdioTest("1 2\n", "1 2\n"), StdioTest("x\n", "x\n")))
DOUBLE = Problem(task_id="double", entry_point="g", tests=(AssertTest("h = g\nassert h(2) == 4"),))

RIGHT = "def f(x):\n    return x * x\n"
LATE_ERROR = "def f(x):\n    return x * x if x < 4 else 0\n"
WRONG = "def f(x):\n    return x + 1\n"
LINT = "def f(x):\n    return x * x\n\ndef unused():\n    return undefined_name\n"
HANGS = "def f(x):\n    while True:\n        pass\n"


def burns(seconds: float, name: int = 0) -> str:
    """A right program that takes CPU time."""
    end = f"{seconds} + time.process_time()"
    return f"import time\nname = {name}\nend = {end}\nwhile time.process_time() < end:\n    pass\n{RIGHT}"


def outcome(judgement: Judgement) -> tuple[str, str, bool]:
    return (str(judgement.verdict), judgement.stage, judgement.passed)


@pytest.fixture(scope="module")
def verifier() -> Iterator[StagedVerifier]:
    with StagedVerifier(workers=2) as verifier:
        yield verifier


@pytest.fixture(scope="module")
def full() -> Iterator[StagedVerifier]:
    with StagedVerifier(workers=1, full=True, limits=Limits(cpu_seconds=1.0)) as verifier:
        yield verifier


def test_every_candidate_has_its_verdict_in_its_place(verifier: StagedVerifier) -> None:
    cases: list[tuple[Problem, str | None, str, str]] = [
        (SQUARE, None, "no_code", "extract"),
        (ECHO, "print(input())", "passed", "tests"),
        (SQUARE, "def f(x:\n", "syntax_error", "syntax"),
        (SQUARE, RIGHT, "passed", "tests"),
        (DOUBLE, "def g(x):\n    return 2 * x\n", "passed", "tests"),
        (SQUARE, LINT, "lint_error", "lint"),
        (SQUARE, WRONG, "wrong_answer", "tests"),
        (ECHO, "print(1)", "wrong_answer", "tests"),
        (SQUARE, "def f(x):\n    return x[0]\n", "runtime_error", "tests"),
        (SQUARE, "def f(x):\n    raise SystemExit\n", "runtime_error", "tests"),
        (SQUARE, "import os\ndef f(x):\n    os._exit(0)\n", "crashed", "tests"),
        (DOUBLE, "def g(x):\n    return x\n", "wrong_answer", "tests"),
        (SQUARE, LATE_ERROR, "passed", "tests"),
    ]
    judgements = verifier.verify([case[0] for case in cases], [case[1] for case in cases])
    assert [(j.task_id, str(j.verdict), j.stage) for j in judgements] == [
        (problem.task_id, verdict, stage) for problem, _, verdict, stage in cases
    ]
    for judgement, (_, program, verdict, _) in zip(judgements, cases, strict=True):
        assert judgement.program == program
        assert judgement.passed == (verdict == "passed")
        assert judgement.reward == (1.0 if judgement.passed else 0.0)
        assert judgement.passed or judgement.detail
        assert judgement.stages[-1].stage == judgement.stage


def test_every_stage_reports_its_time(verifier: StagedVerifier) -> None:
    (judgement,) = verifier.verify([SQUARE], [burns(0.05)])
    assert [result.stage for result in judgement.stages] == ["syntax", "lint", "tests"]
    assert all(result.seconds > 0 for result in judgement.stages)
    tests = judgement.stages[-1]
    assert tests.cpu_seconds > tests.program_cpu_seconds > 0.04
    assert judgement.seconds == pytest.approx(sum(result.seconds for result in judgement.stages))


def test_identical_programs_run_once(verifier: StagedVerifier) -> None:
    programs = [RIGHT, WRONG, "def f(x):\n  # squared\n  return (x*x)\n", RIGHT, None, RIGHT.replace("x", "y"), None]
    judgements = verifier.verify([SQUARE] * 7, programs)
    assert [judgement.count for judgement in judgements] == [3, 1, 3, 3, 2, 1, 2]
    assert [judgement.is_copy for judgement in judgements] == [False, False, True, True, False, False, True]
    assert [judgement.passed for judgement in judgements] == [True, False, True, True, False, True, False]
    assert judgements[0].stages is judgements[2].stages


def test_the_same_program_for_another_problem_is_another_candidate(verifier: StagedVerifier) -> None:
    twin = Problem(task_id="twin", entry_point="f", tests=(CallTest((2,), {}, 5),))
    judgements = verifier.verify([SQUARE, twin], [RIGHT, RIGHT])
    assert [(j.passed, j.count) for j in judgements] == [(True, 1), (False, 1)]


def test_nothing_in_gives_nothing_out(verifier: StagedVerifier) -> None:
    assert verifier.verify([], []) == []


def test_completions_are_extracted_first(verifier: StagedVerifier) -> None:
    chat = [{"role": "assistant", "content": f"Here:\n```python\n{RIGHT}```"}]
    judgements = verifier.verify_completions([SQUARE] * 3, ["    return x * x\n", chat, "Sorry."])
    assert [str(judgement.verdict) for judgement in judgements] == ["passed", "passed", "no_code"]


ODD_PROGRAMS = {
    "10 MB": (RIGHT + "# and on\n" * 1_100_000, {"passed"}),
    "10 MB on one line": ("x = '" + "a" * 10_000_000 + "'\n" + RIGHT, {"passed"}),
    "NUL bytes": (RIGHT + "\0", {"syntax_error"}),
    "lone surrogate": (RIGHT + "y = '\ud800'\n", {"syntax_error"}),
    "BOM": ("\ufeff" + RIGHT, {"passed"}),
    "CRLF": (RIGHT.replace("\n", "\r\n"), {"passed"}),
    "10,000 nested parentheses": (RIGHT + "y = " + "(" * 10_000 + "1" + ")" * 10_000 + "\n", {"syntax_error"}),
    "10,000 unary operators": (RIGHT + "y = " + "-" * 10_000 + "1\n", {"passed", "syntax_error"}),
    "100,000 nested lists": (RIGHT + "y = " + "[" * 100_000, {"syntax_error"}),
    "encoding cookie": ("# -*- coding: latin-1 -*-\nname = 'é'\nassert len(name) == 1\n" + RIGHT, {"passed"}),
    "wrong encoding cookie": ("# -*- coding: no-such-codec -*-\n" + RIGHT, {"passed", "syntax_error"}),
    "form feed": ("\f\n" + RIGHT, {"passed"}),
    "no line end": (RIGHT.rstrip(), {"passed"}),
    "only a comment": ("# nothing", {"runtime_error", "lint_error", "wrong_answer"}),
    "only white space": (" \n\t\n", {"runtime_error", "lint_error", "wrong_answer"}),
}


def test_odd_programs_have_a_verdict_and_harm_no_neighbour(full: StagedVerifier) -> None:
    programs = [program for odd, _ in ODD_PROGRAMS.values() for program in (odd, f"{RIGHT}# {len(odd)}")]
    judgements = full.verify([SQUARE] * len(programs), programs)
    for (name, (_, verdicts)), judgement in zip(ODD_PROGRAMS.items(), judgements[::2], strict=True):
        assert str(judgement.verdict) in verdicts, (name, judgement.detail[:200])
    assert all(judgement.passed for judgement in judgements[1::2])


def test_the_full_suite_stops_at_the_first_failure(full: StagedVerifier) -> None:
    (judgement,) = full.verify([SQUARE], [LATE_ERROR])
    assert outcome(judgement) == ("wrong_answer", "full", False)
    assert (judgement.tests_passed, judgement.tests_run, judgement.filtered_by) == (2, 3, None)
    (judgement,) = full.verify([SQUARE], [RIGHT])
    assert (judgement.passed, judgement.tests_passed, judgement.tests_run) == (True, 4, 4)


def test_the_full_suite_says_what_a_filter_got_wrong(full: StagedVerifier) -> None:
    judgements = full.verify([SQUARE] * 2, [LINT, LINT.replace("x * x", "x")])
    assert [(*outcome(j), j.filtered_by, j.reward) for j in judgements] == [
        ("passed", "full", True, "lint", 0.0),
        ("wrong_answer", "full", False, "lint", 0.0),
    ]


def test_a_program_that_fails_the_tests_stage_stops_there(full: StagedVerifier) -> None:
    (judgement,) = full.verify([SQUARE], [WRONG])
    assert outcome(judgement) == ("wrong_answer", "tests", False)
    assert [result.stage for result in judgement.stages] == ["syntax", "lint", "tests"]


def test_counting_goes_on_after_a_failure() -> None:
    programs = [LATE_ERROR, "def f(x):\n    return x * x if x % 2 else 1 // 0\n", RIGHT, HANGS]
    limits = Limits(cpu_seconds=0.5)
    with StagedVerifier(("tests=1",), full=True, count_tests=True, workers=1, limits=limits) as verifier:
        judgements = verifier.verify([SQUARE, SQUARE, SQUARE, SQUARE, ECHO], [*programs, "print(1, 2)"])
    assert [(j.tests_passed, j.tests_run, j.stage) for j in judgements if j.verdict != "timeout"] == [
        (2, 4, "full"),
        (2, 4, "full"),
        (4, 4, "full"),
        (1, 2, "full"),
    ]
    assert not judgements[3].passed


def test_a_seed_picks_the_same_tests_at_every_call() -> None:
    # Passes one test only: which programs survive shows which test was drawn.
    programs = [f"def f(x):\n    return x * x if x == {x} else 0\n" for x in (2, 3, 4, 5)]
    rounds = []
    for workers in (1, 2):
        with StagedVerifier(("tests=1@3",), workers=workers) as verifier:
            rounds += [[j.passed for j in verifier.verify([SQUARE] * 4, programs)] for _ in range(2)]
    assert sum(rounds[0]) == 1
    assert rounds == [rounds[0]] * 4


@pytest.mark.parametrize("time_limit", ["siblings", "exact"])
def test_verdicts_do_not_depend_on_workers_or_order(time_limit: Any) -> None:
    programs: list[str | None] = [RIGHT, WRONG, LATE_ERROR, LINT, HANGS, None, "def f(", burns(0.5), "print(input())"]
    programs += [f"{RIGHT}n = {i}\n" for i in range(4)]
    problems = [ECHO if program and "input" in program else SQUARE for program in programs]
    limits = Limits(cpu_seconds=0.6)
    seen = []
    for workers, step in ((1, 1), (2, -1), (4, 5)):
        order = [(i * step) % len(programs) for i in range(len(programs))]
        filters = ("syntax", "tests=1")
        with StagedVerifier(filters, full=True, workers=workers, time_limit=time_limit, limits=limits) as verifier:
            judgements = verifier.verify([problems[i] for i in order], [programs[i] for i in order])
        seen.append({i: (*outcome(j), j.tests_passed, j.tests_run) for i, j in zip(order, judgements, strict=True)})
    assert seen[0] == seen[1] == seen[2]
    assert seen[0][4][0] == "timeout"
    assert seen[0][7][0] == ("timeout" if time_limit == "siblings" else "passed")


def test_a_hanging_program_is_stopped_at_the_budget_of_its_siblings() -> None:
    programs = [f"{RIGHT}n = {i}\n" for i in range(6)] + [HANGS]
    with StagedVerifier(("tests=1",), workers=1) as verifier:
        judgement = verifier.verify([SQUARE] * 7, programs)[-1]
    (tests,) = judgement.stages
    assert outcome(judgement) == ("timeout", "tests", False)
    assert tests.limit_seconds is not None
    assert 0.1 <= tests.limit_seconds < 3.0
    assert tests.cpu_seconds < 2 * tests.limit_seconds + 0.5


@pytest.mark.parametrize(
    "programs",
    [
        pytest.param([burns(0.2), RIGHT, WRONG], id="too few siblings"),
        pytest.param([burns(0.3), *(burns(0.03, i) for i in range(5))], id="slow siblings"),
        pytest.param([burns(0.15, i) for i in range(5)], id="all slow"),
    ],
)
def test_a_slow_but_legitimate_program_passes(programs: list[str]) -> None:
    with StagedVerifier(("tests=1",), workers=2) as verifier:
        judgement = verifier.verify([SQUARE] * len(programs), programs)[0]
    assert judgement.passed, judgement


def test_a_sleeping_program_times_out_by_the_wall_clock() -> None:
    sleeps = "import time\ndef f(x):\n    time.sleep(1000)\n"
    started = time.monotonic()
    with StagedVerifier(("tests=1",), workers=1, limits=Limits(wall_seconds=0.5)) as verifier:
        judgements = verifier.verify([SQUARE, SQUARE], [sleeps, RIGHT])
    assert [str(judgement.verdict) for judgement in judgements] == ["timeout", "passed"]
    assert time.monotonic() - started < 15


def test_too_few_tests_are_an_input_error() -> None:
    problem = Problem(task_id="mbpp/117", entry_point="f", tests=SQUARE.tests[:3])
    message = "tests=8 but problem 'mbpp/117' has 3 tests; lower it or drop the problem"
    with StagedVerifier(("tests=8",)) as verifier, pytest.raises(InputError) as caught:
        verifier.verify([problem], [RIGHT])
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        (Problem(task_id="p"), "problem 'p' has no tests; drop it or set full=False"),
        (Problem(task_id="p", tests=SQUARE.tests), "problem 'p' has `call` tests but no entry_point"),
    ],
)
def test_a_problem_that_cannot_be_verified_is_an_input_error(problem: Problem, message: str) -> None:
    with StagedVerifier((), full=True) as verifier, pytest.raises(InputError, match=message):
        verifier.verify([problem], [RIGHT])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"workers": 0}, "workers=0; give a number from 1"),
        ({"time_limit": "strict"}, "time_limit='strict'; give 'siblings' or 'exact'"),
        ({"count_tests": True}, "count_tests=True needs full=True"),
        ({"filters": ["syntx"]}, "did you mean 'syntax'"),
        ({"orm": 5}, "orm=5 has no method `score`"),
    ],
)
def test_settings_that_cannot_be_used_are_input_errors(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        StagedVerifier(**settings)


def test_input_that_does_not_fit_is_an_input_error(verifier: StagedVerifier) -> None:
    with pytest.raises(InputError, match="2 problems but 1 programs"):
        verifier.verify([SQUARE, SQUARE], [RIGHT])
    with pytest.raises(InputError, match="2 problems but 1 completions"):
        verifier.verify_completions([SQUARE, SQUARE], [RIGHT])
    with pytest.raises(InputError, match=r"programs\[1\] is b'x'; give source text"):
        verifier.verify([SQUARE, SQUARE], [RIGHT, b"x"])  # type: ignore[list-item]


def test_a_stream_yields_problem_by_problem_and_reports_progress(verifier: StagedVerifier) -> None:
    problems, programs = [SQUARE, ECHO, SQUARE], [RIGHT, "print(input())", WRONG]
    progress: list[int] = []
    batches = list(verifier.stream(problems, programs, on_progress=progress.append))
    assert sorted(sorted(position for position, _ in batch) for batch in batches) == [[0, 2], [1]]
    assert sorted(progress) == [1, 2]


def test_a_stream_that_is_closed_early_leaves_a_usable_verifier(verifier: StagedVerifier) -> None:
    stream = verifier.stream([SQUARE, ECHO], [HANGS, "print(input())"])
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert [judgement.passed for judgement in verifier.verify([SQUARE] * 2, [RIGHT, WRONG])] == [True, False]


def test_a_second_call_while_a_stream_is_open_is_an_error_and_no_deadlock(verifier: StagedVerifier) -> None:
    stream = verifier.stream([SQUARE, ECHO], [RIGHT, "print(input())"])
    next(stream)
    with pytest.raises(InputError, match="a stream of this verifier is still open in this thread"):
        verifier.verify([SQUARE], [RIGHT])
    assert len(list(stream)) == 1
    assert verifier.verify([SQUARE], [RIGHT])[0].passed


def test_calls_from_several_threads_take_turns(verifier: StagedVerifier) -> None:
    results: dict[int, list[bool]] = {}

    def call(number: int) -> None:
        programs = [f"{RIGHT}n = {number}\n", WRONG] * (number % 3 + 1)
        results[number] = [judgement.passed for judgement in verifier.verify([SQUARE] * len(programs), programs)]

    threads = [threading.Thread(target=call, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: [True, False] * (number % 3 + 1) for number in range(6)}


def test_a_verifier_is_picklable_also_while_it_is_open(verifier: StagedVerifier) -> None:
    verifier.verify([SQUARE], [RIGHT])
    with pickle.loads(pickle.dumps(verifier)) as copy:
        assert copy.stages == verifier.stages == ("extract", "syntax", "lint", "tests")
        assert copy.limits == verifier.limits


def test_a_closed_verifier_starts_again() -> None:
    with StagedVerifier(("tests=1",), workers=1) as verifier:
        assert verifier.verify([SQUARE], [RIGHT])[0].passed
    verifier.close()
    assert verifier.verify([SQUARE], [RIGHT])[0].passed
    verifier.close()


def test_a_scorer_that_fails_leaves_a_usable_verifier() -> None:
    class Moody:
        def score(self, prompts: Any, programs: Any) -> list[float]:
            if "name = 1" in programs[0]:
                raise ZeroDivisionError("in the model")
            return [float(len(program)) for program in programs]

    with StagedVerifier(("tests=1",), orm=Moody(), workers=1, limits=Limits(cpu_seconds=0.5)) as verifier:
        assert verifier.stages == ("extract", "tests", "orm")
        with pytest.raises(ZeroDivisionError, match="in the model"):
            verifier.verify([SQUARE] * 2, [burns(0, 1), HANGS])
        judgements = verifier.verify([SQUARE] * 3, [RIGHT, WRONG, f"{RIGHT}# longer\nn = 1\n"])
    assert [judgement.stage for judgement in judgements] == ["orm", "tests", "orm"]
    rewards = [judgement.reward or 0.0 for judgement in judgements]
    assert 0 == rewards[1] < rewards[0] < rewards[2] < 1


LEAVE = """
import sys, time
from staged_reward import Problem, StagedVerifier
from staged_reward.problem import CallTest
problem = Problem(task_id="p", entry_point="f", tests=(CallTest((2,), {}, 4),))
verifier = StagedVerifier(("lint", "tests=1"), workers=2, time_limit="exact")
print(verifier.verify([problem], ["def f(x): return x * x"])[0].passed, *verifier._pool.pids(), flush=True)
if sys.argv[1] == "stays":
    verifier.verify([problem] * 2, ["def f(x):\\n    while True: pass", "def f(x):\\n    while 1: x = 1"])
"""


def descendants(roots: set[int]) -> set[int]:
    """Return all processes in whose ancestry one of these is, themselves included."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue  # ended while we looked
    found = set(roots)
    while grown := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= grown
    return found


def are_gone(pids: set[int]) -> bool:
    return not any(Path(f"/proc/{pid}").exists() for pid in pids)


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


def start(tmp_path: Path, how: str) -> tuple[subprocess.Popen[str], set[int]]:
    """Start an interpreter that verifies something; return it and its workers."""
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", LEAVE, how]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    passed, *pids = process.stdout.readline().split()
    assert passed == "True"
    assert len(pids) == 2
    return process, {int(pid) for pid in pids}


def test_an_interpreter_that_ends_leaves_no_process_and_no_folder(tmp_path: Path) -> None:
    process, workers = start(tmp_path, "ends")
    with process:
        assert process.wait(timeout=20) == 0
    assert wait_until(lambda: are_gone(workers))
    assert wait_until(lambda: not list(tmp_path.iterdir())), list(tmp_path.iterdir())


def test_an_interpreter_that_is_killed_leaves_no_process_and_no_folder(tmp_path: Path) -> None:
    process, workers = start(tmp_path, "stays")
    with process:
        time.sleep(0.5)  # both workers have a program that hangs
        family = descendants(workers)
        assert len(family) > len(workers)
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=20)
    assert wait_until(lambda: are_gone(family)), family
    assert wait_until(lambda: not list(tmp_path.iterdir())), list(tmp_path.iterdir())
