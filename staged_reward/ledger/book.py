"""The ledger's files: every rank writes its own, anyone reads them all.

`FOLDER/rank-R.jsonl` has a line when a process begins, one per call, and one per audit. Lines are only ever added, so that a
run which is killed at any moment loses at most the line it was writing. A training that goes on from a checkpoint writes to
the same files; what an earlier process did at steps that are done again is left out when they are read.
"""

from __future__ import annotations

import errno
import json
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from staged_reward.errors import InputError
from staged_reward.ledger.entry import Entry
from staged_reward.ledger.estimates import Audited

FOLDER = "ledger"


class LedgerWriter:
    """Adds lines to the file of one rank. Safe to call from several threads.

    A file that cannot be written, as on a full disk, does not end a training: its lines are lost and counted, and warned of
    once.

    Args:
        folder: Of the ledger.
        rank: Of this process.

    Attributes:
        num_lost: Lines that could not be written.
    """

    def __init__(self, folder: str | Path, rank: int) -> None:
        self.path = Path(folder) / f"rank-{rank}.jsonl"
        self.num_lost = 0
        self._lock = threading.Lock()
        self._file: IO[bytes] | None = None
        self._is_torn = False
        self._first: Mapping[str, Any] | None = None  # what must come before anything else

    def begin(self, stages: tuple[str, ...], num_ranks: int) -> None:
        """Note that a process begins.

        Args:
            stages: Of the verifier.
            num_ranks: That write to this folder: files of ranks beyond are of an earlier start.

        Raises:
            InputError: The file cannot be made.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("ab", buffering=0)
            self._is_torn = self.path.stat().st_size > 0 and not _ends_a_line(self.path)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                self._lose(str(error.strerror))
                return
            raise InputError(f"cannot write the ledger {self.path}: {error.strerror}; give another folder") from error
        self._first = {"kind": "begin", "stages": list(stages), "num_ranks": num_ranks, "time": time.time()}
        self._write()

    def last_step(self) -> int | None:
        """Return the last step that the file has a call of; None where it has none."""
        reader = LedgerReader(self.path.parent)
        reader.read(self.path.name)
        steps = reader.last_steps(1)
        return steps[-1].step if steps else None

    def add_call(self, step: int, entry: Entry) -> None:
        """Note a call."""
        self._write({"kind": "call", "step": step, **entry.as_row()})

    def add_audit(self, step: int, audited: tuple[Audited, ...], **costs: float) -> None:
        """Note an audit of a call at `step`."""
        self._write({"kind": "audit", "step": step, "audited": [item.as_row() for item in audited], **costs})

    def _write(self, row: Mapping[str, Any] | None = None) -> None:
        with self._lock:
            rows = [one for one in (self._first, row) if one is not None]
            if self._file is None or not rows:
                return
            data = b"".join(json.dumps(one).encode() + b"\n" for one in rows)
            data = b"\n" + data if self._is_torn else data
            try:
                written, error = self._file.write(data) or 0, "no space left"
            except OSError as fault:
                written, error = 0, str(fault.strerror)
            if written == len(data):
                self._is_torn, self._first = False, None
                return
            self._is_torn = self._is_torn or written > 0
        self._lose(error)

    def _lose(self, why: str) -> None:
        self.num_lost += 1
        if self.num_lost == 1:
            warnings.warn(
                f"the ledger {self.path} cannot be written ({why}); its lines are lost until it can", stacklevel=4
            )

    def close(self) -> None:
        """Close the file; what comes later is dropped."""
        with self._lock:
            if self._file is not None:
                with suppress(OSError):  # nothing is left to lose
                    self._file.close()
                self._file = None


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read(1) == b"\n"


@dataclass(slots=True)
class Step:
    """What all ranks did at one step of a training.

    Attributes:
        step: Its number.
        entry: All calls of all ranks together.
        audited: What was audited of them, as far as it is known.
        audit_cpu_seconds: The audits took.
        num_drawn: Programs drawn for audits.
    """

    step: int
    entry: Entry = field(default_factory=Entry)
    audited: list[Audited] = field(default_factory=list)
    audit_cpu_seconds: float = 0.0
    num_drawn: int = 0

    def __add__(self, other: Step) -> Step:
        return Step(
            self.step,
            self.entry + other.entry,
            [*self.audited, *other.audited],
            self.audit_cpu_seconds + other.audit_cpu_seconds,
            self.num_drawn + other.num_drawn,
        )


class LedgerReader:
    """Reads all ranks' files, and later what has been added to them.

    Args:
        folder: Of the ledger.
        keep_steps: Let go of what was audited before the last so many steps; None keeps all.

    Attributes:
        stages: Of the verifier, in order.
        num_torn: Lines that are not whole; the line that a killed process was writing is one.
    """

    def __init__(self, folder: str | Path, keep_steps: int | None = None) -> None:
        self.folder = Path(folder)
        self._keep_steps = keep_steps
        self.stages: tuple[str, ...] = ()
        self.num_torn = 0
        self._files: dict[Path, _RankFile] = {}

    @property
    def total(self) -> Entry:
        """All steps of all ranks together."""
        return sum((rank.total for rank in self._files.values()), Entry())

    def last_steps(self, num_steps: int | None = None) -> list[Step]:
        """Return the last steps, or all of them, in order, all ranks together."""
        numbers = sorted({number for rank in self._files.values() for number in rank.steps})
        if num_steps is not None:
            numbers = numbers[-num_steps:]
        together = (
            sum((rank.steps[number] for rank in self._files.values() if number in rank.steps), Step(number))
            for number in numbers
        )
        return [step for step in together if step.entry.num_programs]  # of others, the line of the call was lost

    @property
    def num_ranks(self) -> int:
        """Files there are."""
        return len(self._files)

    def read(self, pattern: str = "rank-*.jsonl") -> None:
        """Take in what is there.

        Args:
            pattern: Of the files' names.

        Raises:
            InputError: A file cannot be read, or holds something else.
        """
        for path in sorted(filter(Path.is_file, self.folder.glob(pattern))):
            rank = self._files.setdefault(path, _RankFile())
            try:
                for row in self._rows(path, rank):
                    rank.take(row)
                    self.stages = tuple(row["stages"]) if row["kind"] == "begin" else self.stages
            except (OSError, KeyError, TypeError, ValueError) as error:
                raise InputError(f"{path}: no ledger ({error!r}); give the folder of a run") from error
        self._cut_ranks_that_are_gone()
        if self._keep_steps is not None:
            for rank in self._files.values():
                for number in sorted(rank.steps)[: -self._keep_steps]:
                    rank.steps[number].audited.clear()

    def _cut_ranks_that_are_gone(self) -> None:
        """Leave out what ranks did that a later start, with fewer ranks, has done again."""
        starts = [rank for rank in self._files.values() if rank.restart_step is not None]
        if not starts:
            return
        last = max(starts, key=lambda rank: rank.begin_time)
        assert last.restart_step is not None
        for path, rank in self._files.items():
            number = int(path.stem.rpartition("-")[2])
            if number >= last.num_ranks and rank.begin_time < last.begin_time:
                rank.cut(last.restart_step)

    def _rows(self, path: Path, rank: _RankFile) -> Iterator[Mapping[str, Any]]:
        with path.open("rb") as file:
            file.seek(rank.offset)
            data = file.read()
        size = data.rfind(b"\n") + 1  # a line that is being written comes next time
        rank.offset += size
        for line in data[:size].split(b"\n")[:-1]:
            try:
                row = json.loads(line)
            except ValueError:
                self.num_torn += 1
                continue
            yield row


@dataclass(slots=True)
class _RankFile:
    offset: int = 0
    steps: dict[int, Step] = field(default_factory=dict)
    total: Entry = field(default_factory=Entry)
    is_going_on: bool = False
    begin_time: float = 0.0
    num_ranks: int = 1
    restart_step: int | None = None  # the first step of the last start

    def cut(self, number: int) -> None:
        """Leave out the steps from this one on."""
        if any(step >= number for step in self.steps):
            self.steps = {step: value for step, value in self.steps.items() if step < number}
            self.total = sum((step.entry for step in self.steps.values()), Entry())

    def take(self, row: Mapping[str, Any]) -> None:
        if row["kind"] == "begin":
            self.is_going_on = True
            self.begin_time, self.num_ranks, self.restart_step = row["time"], row["num_ranks"], None
            return
        number = row["step"]
        if self.is_going_on and row["kind"] == "call":  # the first of a process: it does these steps again
            self.cut(number)
            self.is_going_on, self.restart_step = False, number
        step = self.steps.setdefault(number, Step(number))
        if row["kind"] == "call":
            entry = Entry.from_row({key: value for key, value in row.items() if key not in ("kind", "step")})
            step.entry += entry
            self.total += entry
        else:
            step.audited += [Audited(**item) for item in row["audited"]]
            step.audit_cpu_seconds += row["cpu_seconds"]
            step.num_drawn += row["num_drawn"]
