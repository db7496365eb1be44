"""Whatever is killed, stopped or used up under it, the verifier gives every program one right verdict or `infra_error`."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from staged_reward import Problem, StagedVerifier
from staged_reward.limits import Limits
from staged_reward.problem import CallTest, Verdict

LIMITS = Limits(cpu_seconds=2.0, wall_seconds=4.0)
PROBLEM = Problem(task_id="t", entry_point="f", tests=tuple(CallTest((n,), expected=n * n) for n in range(3)))
NUM_PROGRAMS = 120
PROGRAMS = [
    f"import time\ndef f(x):\n    time.sleep(0.005)\n    return x * x + {n % 3 == 0:d} - {n} + {n}\n"
    for n in range(NUM_PROGRAMS)
]
EXPECTED = [Verdict.WRONG_ANSWER if n % 3 == 0 else Verdict.PASSED for n in range(NUM_PROGRAMS)]


def family(pid: int) -> dict[int, str]:
    """Descendants of a process by their command lines."""
    found: dict[int, str] = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            parent = int(Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[1])
            command = Path(f"/proc/{name}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        found[int(name)] = f"{parent} {command}"
    below, grown = {pid}, True
    while grown:
        more = {child for child, text in found.items() if int(text.split()[0]) in below}
        grown = not more <= below
        below |= more
    return {child: found[child] for child in below if child in found and child != pid}


def members(who: str) -> list[int]:
    """Processes of the verifiers of this process: workers, keepers (the host's children) or fork servers (theirs)."""
    processes = family(os.getpid())
    parents = {pid: int(text.split()[0]) for pid, text in processes.items()}
    workers = [pid for pid, text in processes.items() if "staged_reward.worker" in text]
    keepers = [pid for pid in processes if parents[pid] in workers]
    servers = [pid for pid in processes if parents[pid] in keepers]
    return {"worker": workers, "keeper": keepers, "fork server": servers}[who]


def groups_of(pids: Iterable[int]) -> list[Path]:
    """Control groups that these processes made."""
    return [path for pid in pids for path in Path("/sys/fs/cgroup").glob(f"**/staged-reward-{pid}")]


def disturb(who: str, signal_number: int, times: int) -> threading.Thread:
    """Send a signal to one process of the verifier, now and again, while it works."""

    def run() -> None:
        for _ in range(times):
            time.sleep(0.25)
            for pid in members(who)[:1]:
                os.kill(pid, signal_number)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.parametrize("who", ["worker", "keeper", "fork server"])
def test_killed_in_mid_run_changes_no_verdict(who: str) -> None:
    with StagedVerifier((), full=True, workers=2, limits=LIMITS, time_limit="exact") as verifier:
        verifier.verify([PROBLEM], [PROGRAMS[0]])
        killer = disturb(who, signal.SIGKILL, 2)
        judgements = verifier.verify([PROBLEM] * NUM_PROGRAMS, PROGRAMS)
        killer.join()
    assert [judgement.verdict for judgement in judgements] == EXPECTED


@pytest.mark.parametrize("who", ["worker", "keeper", pytest.param("fork server", marks=pytest.mark.slow)])
def test_stopped_in_mid_run_changes_no_verdict_and_holds_nothing_up(monkeypatch, who: str) -> None:
    monkeypatch.setattr("staged_reward.pool.CLOSE_SECONDS", 0.5)
    others = family(os.getpid())  # that earlier tests left: wandb's service, say
    started = time.monotonic()
    with StagedVerifier((), full=True, workers=2, limits=LIMITS, time_limit="exact") as verifier:
        verifier.verify([PROBLEM], [PROGRAMS[0]])
        stopper = disturb(who, signal.SIGSTOP, 1)
        before = family(os.getpid())
        judgements = verifier.verify([PROBLEM] * NUM_PROGRAMS, PROGRAMS)
        stopper.join()
        found = {**before, **family(os.getpid())}
        below = {pid: command for pid, command in found.items() if pid not in others}
    assert [judgement.verdict for judgement in judgements] == EXPECTED
    assert time.monotonic() - started < 60
    deadline = time.monotonic() + 20
    while left := [pid for pid in below if os.path.exists(f"/proc/{pid}")]:
        assert time.monotonic() < deadline, [below[pid] for pid in left]
        time.sleep(0.05)


def run_apart(prepare: Callable[[], None], code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command,
        preexec_fn=prepare,
        capture_output=True,
        text=True,
        timeout=100,
        env={**os.environ, **environment},
        check=False,
    )


VERIFY = """
from staged_reward import Problem, StagedVerifier
from staged_reward.errors import InfraError
from staged_reward.problem import CallTest
problem = Problem(task_id="t", entry_point="f", tests=(CallTest((2,), expected=4),))
programs = [f"def f(x): return x * x + {n % 2}" for n in range(20)]
with StagedVerifier((), full=True, workers=2) as verifier:
    try:
        for judgement in verifier.verify([problem] * 20, programs):
            print(judgement.verdict, judgement.reward, judgement.detail)
    except InfraError as error:
        print("InfraError:", error)
"""


def are_right_or_ours(lines: list[str]) -> bool:
    right = ["passed 1.0", "wrong_answer 0.0"] * 10
    return len(lines) == 20 and all(
        line.startswith((expected, "infra_error None")) for line, expected in zip(lines, right, strict=True)
    )


@pytest.mark.parametrize("num_files", [8, 12, 16, 24])
def test_without_descriptors_left_it_says_so(num_files: int) -> None:
    finished = run_apart(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (num_files, num_files)), VERIFY)
    lines = finished.stdout.splitlines()
    refused = "Too many open files" in finished.stdout + finished.stderr
    assert are_right_or_ours(lines) or refused, finished.stdout + finished.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to fill a file system of its own")
def test_on_a_full_disk_programs_still_run_or_the_fault_is_ours(tmp_path: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k,nr_inodes=8", "full", str(tmp_path)], check=True)
    try:
        (tmp_path / "filler").write_bytes(b"x" * 12_288)
        finished = run_apart(lambda: None, VERIFY, TMPDIR=str(tmp_path))
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=True)
    lines = finished.stdout.splitlines()
    assert are_right_or_ours(lines) or lines[0].startswith("InfraError:"), finished.stdout + finished.stderr
    assert "Traceback" not in finished.stderr


ENDLESS = """
import sys
from staged_reward import Problem, StagedVerifier
from staged_reward.problem import CallTest
problem = Problem(task_id="t", entry_point="f", tests=(CallTest((2,), expected=4),))
program = "import os, time\\nif os.fork() == 0: os.setsid()\\ntime.sleep(60)"
verifier = StagedVerifier((), full=True, workers=2)
verifier.verify([problem], ["def f(x): return 4"])
print("ready", flush=True)
verifier.verify([problem] * 2, [program, program + "\\nx = 1"])
"""


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_end_by_signal_leaves_no_process_no_folder_and_no_group(tmp_path: Path, signal_number: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ENDLESS],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.5)
        started = family(process.pid)
        assert len(started) >= 8  # workers, keepers, fork servers, programs
        process.send_signal(signal_number)
        process.wait(timeout=30)
    deadline = time.monotonic() + 20
    while any(os.path.exists(f"/proc/{pid}") for pid in started) or os.listdir(tmp_path):
        assert time.monotonic() < deadline, (started, os.listdir(tmp_path))
        time.sleep(0.05)
    assert not groups_of(started)  # those of verifiers that work beside this test are theirs
