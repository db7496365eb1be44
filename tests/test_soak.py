"""Ten thousand programs through one verifier: what stays behind, and how much memory it takes. Minutes; `make slow`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from staged_reward import Limits, StagedVerifier, load_problems
from staged_reward.examples import CANDIDATES, PROBLEMS
from staged_reward.samples import Sample, read_samples

NUM_PROGRAMS = 10_000
MAX_MEMORY_MIB = 400

HOSTILE = (
    "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(100)\n",
    "import tempfile\nfiles = [tempfile.NamedTemporaryFile(delete=False) for _ in range(20)]\n",
    "import threading, time\nthreading.Thread(target=time.sleep, args=(100,)).start()\n",
    "import subprocess\nsubprocess.Popen(['sleep', '100'])\n",
)


def descendants(pid: int) -> list[int]:
    """All processes below one, zombies included."""
    children: dict[int, list[int]] = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            parent = int(Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        children.setdefault(parent, []).append(int(name))
    found = list(children.get(pid, ()))
    for child in found:
        found += children.get(child, ())
    return found


def memory_mib(pid: int) -> float:
    """Proportional set size: shared pages are counted once, over all who share them."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")) / 1024


def endless_free_samples() -> list[Sample]:
    """The examples' candidates, but for those that loop for ever on purpose: ten thousand should not take an hour."""
    samples = read_samples(CANDIDATES, load_problems(PROBLEMS))
    return [sample for sample in samples if sample.program and "while True" not in sample.program]


def programs() -> Iterator[tuple[int, str]]:
    """Endless distinct programs: (index of the example, source); every hundredth leaves something behind."""
    samples = endless_free_samples()
    serial = 0
    while True:
        for index, sample in enumerate(samples):
            serial += 1
            extra = HOSTILE[serial // 100 % len(HOSTILE)] if serial % 100 == 0 else ""
            yield index, f"{sample.program}\n{extra}SERIAL = {serial}\n"


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_ten_thousand_programs_leave_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    stream, problems = programs(), [sample.problem for sample in endless_free_samples()]
    with StagedVerifier(filters=("syntax", "tests=1"), workers=2, limits=Limits(wall_seconds=3.0)) as verifier:

        def verify(num_programs: int) -> tuple[int, int, int]:
            batch = [next(stream) for _ in range(num_programs)]
            judgements = verifier.verify([problems[i] for i, _ in batch], [source for _, source in batch])
            assert len(judgements) == num_programs
            return len(descendants(os.getpid())), len(os.listdir("/proc/self/fd")), threading.active_count()

        before = verify(200)  # every worker has its fork server
        folders = sorted(tmp_path.rglob("*"))
        for _ in range(NUM_PROGRAMS // 1000):
            after = verify(1000)
        assert after == before
        assert sorted(tmp_path.rglob("*")) == folders
    assert descendants(os.getpid()) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_workers_stay_below_400_mib(tmp_path: Path) -> None:
    stream = programs()
    samples = endless_free_samples()
    rows = [(samples[i].task_id, source) for i, source in (next(stream) for _ in range(3000))]
    rows.sort(key=lambda row: str(row[0]))
    path = tmp_path / "samples.jsonl"
    path.write_text("".join(json.dumps({"task_id": t, "solution": source}) + "\n" for t, source in rows))
    command = "from staged_reward.cli import main; main()"
    arguments = ["verify", str(path), "--problems", str(PROBLEMS), "--workers", "2", "--full", "--output"]
    process = subprocess.Popen(
        [sys.executable, "-c", command, *arguments, str(tmp_path / "out.jsonl")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, sum(map(memory_mib, [process.pid, *descendants(process.pid)])))
        time.sleep(0.1)
    print(f"peak {peak:.0f} MiB")
    assert process.returncode == 0
    assert peak <= MAX_MEMORY_MIB
