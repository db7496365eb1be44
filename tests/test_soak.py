"""A hundred thousand programs through one verifier: what stays behind, what it takes. Some ten minutes; `make slow`.

Whether it gets slower is told by a fresh verifier that takes the same programs in turn with it, in the last part: a shared
machine's own speed changes by more than what is looked for.
"""

from __future__ import annotations

import json
import os
import statistics
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

NUM_PROGRAMS = 100_000
NUM_PARTS = 10
NUM_WARM_UP = 15_000
MAX_MEMORY_MIB = 400

HOSTILE = (
    "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(100)\n",
    "import tempfile\nfiles = [tempfile.NamedTemporaryFile(delete=False) for _ in range(20)]\n",
    "import threading, time\nthreading.Thread(target=time.sleep, args=(100,), daemon=True).start()\n",
    "import subprocess\nsubprocess.Popen(['sleep', '100'])\n",
    "import os\nfor _ in range(200):\n    os.mkdir('d')\n    os.chdir('d')\n",
    "import ctypes\nctypes.CDLL(None).shmget(0, 1 << 20, 0o1600)\n",
    "import os\ntry: os.kill(os.getppid(), 9)\nexcept OSError: pass\n",
    "import os\ntry:\n    for _ in range(100):\n        if os.fork() == 0: os.setsid()\nexcept OSError: pass\n",
    "import mmap\ntry: maps = [mmap.mmap(-1, 1 << 26) for _ in range(64)]\nexcept OSError: pass\n",
    "import os\nos.symlink('/', 'link')\nos.mkfifo('fifo')\nopen('x', 'w').write('x' * 10 ** 6)\n",
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


def state(base: Path) -> dict[str, object]:
    """What there is of the verifier, and of what programs may leave."""
    return {
        "processes": len(descendants(os.getpid())),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "threads": threading.active_count(),
        "files": sorted(base.rglob("*")),
        "shared memory": Path("/proc/sysvipc/shm").read_text().count("\n"),
        "groups": len(list(Path("/sys/fs/cgroup").glob("**/staged-reward-*"))),
    }


def make_verifier() -> StagedVerifier:
    return StagedVerifier(filters=("syntax", "tests=1"), workers=2, limits=Limits(wall_seconds=1.0))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_hundred_thousand_programs_leave_nothing_behind_and_slow_nothing_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = tmp_path / "sandboxes"
    base.mkdir()
    for folder in (base, tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    monkeypatch.setattr(tempfile, "tempdir", str(base))
    monkeypatch.setenv("TMPDIR", str(base))
    at_start = state(base)
    stream, problems = programs(), [sample.problem for sample in endless_free_samples()]
    memory, slowdowns = [], []

    def verify(verifier: StagedVerifier, batch: list[tuple[int, str]]) -> float:
        started = time.monotonic()
        judgements = verifier.verify([problems[i] for i, _ in batch], [source for _, source in batch])
        assert [j.verdict for j in judgements if j.verdict == "infra_error"] == []
        assert len(judgements) == len(batch)
        return time.monotonic() - started

    def batches(num_programs: int) -> Iterator[list[tuple[int, str]]]:
        for _ in range(num_programs // 1000):
            yield [next(stream) for _ in range(1000)]

    with make_verifier() as verifier:
        for batch in batches(NUM_WARM_UP):  # every worker has its fork server; the heaps have reached their size
            verify(verifier, batch)
        before = state(base)
        for part in range(NUM_PARTS - 1):
            seconds = sum(verify(verifier, batch) for batch in batches(NUM_PROGRAMS // NUM_PARTS))
            memory.append(sum(map(memory_mib, [os.getpid(), *descendants(os.getpid())])))
            print(
                f"part {part}: {NUM_PROGRAMS // NUM_PARTS / seconds:.0f} programs/s, {memory[-1]:.0f} MiB", flush=True
            )
        with make_verifier() as fresh:
            for batch in batches(2000):
                verify(fresh, batch)
            for number, batch in enumerate(batches(NUM_PROGRAMS // NUM_PARTS)):
                pair = (verifier, fresh) if number % 2 else (fresh, verifier)
                taken = {each: verify(each, batch) for each in pair}
                slowdowns.append(taken[verifier] / taken[fresh])
        memory.append(sum(map(memory_mib, [os.getpid(), *descendants(os.getpid())])))
        print(f"the last part takes {statistics.median(slowdowns):.3f} times what a fresh verifier takes", flush=True)
        assert state(base) == before
    assert state(base) | {"threads": 0} == at_start | {"threads": 0}
    assert max(memory[1:]) <= 1.05 * memory[0]
    assert statistics.median(slowdowns) <= 1 / 0.95


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
