"""Ledger: what a reward writes down of its calls, and the audits of them."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from staged_reward.gate import Gate
from staged_reward.ledger.audit import Audit, Auditor
from staged_reward.ledger.book import LedgerReader, LedgerWriter
from staged_reward.ledger.entry import Entry
from staged_reward.ledger.metrics import audit_metrics, total_metrics
from staged_reward.prices import Price, read_prices
from staged_reward.problem import Judgement, Problem
from staged_reward.verifier import StagedVerifier

WINDOW_STEPS = 50
_NOT_PICKLED = frozenset({"_lock", "_writer", "_reader", "_next_step"})
_LAUNCHERS = (
    ("RANK", "WORLD_SIZE"),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("PMI_RANK", "PMI_SIZE"),
    ("SLURM_PROCID", "SLURM_NTASKS"),
)


class Ledger:
    """Writes a line per call and per audit into a folder that all ranks share.

    Picklable; the copy opens the file again. Machines that share no disk have a ledger each, with what their own ranks did.

    Args:
        folder: Of the ledger; a training that goes on from a checkpoint takes the one that it had.
        auditor: Which completions get the full suite; None for 5 % of them.
        price: Of the machine; None for the first of the table that comes with the package.
        window_steps: Steps that the moving estimates look back on.
        rank: Of this process; None asks torch, or the launcher's environment, at the first call.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        auditor: Auditor | None = None,
        price: Price | None = None,
        window_steps: int = WINDOW_STEPS,
        rank: int | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.auditor = auditor or Auditor()
        self.price = price or read_prices()[0]
        self.window_steps = window_steps
        self.rank = rank
        self._start_anew()

    def _start_anew(self) -> None:
        self._lock = threading.Lock()
        self._writer: LedgerWriter | None = None
        self._reader: LedgerReader | None = None
        self._next_step = 0  # where nobody says the step

    def record(
        self,
        entry: Entry,
        judgements: Sequence[Judgement],
        problems: Sequence[Problem],
        verifier: StagedVerifier,
        gate: Gate,
        *,
        step: int | None,
    ) -> None:
        """Write down a call and have some of its completions audited in the background.

        Args:
            entry: Of the call.
            judgements: Of its completions.
            problems: One per completion.
            verifier: That made the judgements.
            gate: That makes the rewards.
            step: Of the training; None counts calls, on from the last one in the file.

        Raises:
            InputError: The folder cannot be written.
            InfraError: An earlier audit broke down.
        """
        with self._lock:
            writer = self._writer = self._writer or self._open(verifier)
            number = self._next_step if step is None else step
            self._next_step = number + 1
            writer.add_call(number, entry)

        def report(audit: Audit) -> None:
            writer.add_audit(
                number,
                audit.audited,
                num_drawn=audit.num_drawn,
                seconds=audit.seconds,
                cpu_seconds=audit.cpu_seconds,
            )

        place = f"{writer.path.stem}/{number}"
        self.auditor.submit(judgements, problems, verifier, gate, place, report)

    def _open(self, verifier: StagedVerifier) -> LedgerWriter:
        rank, num_ranks = rank_of_process()
        writer = LedgerWriter(self.folder, rank if self.rank is None else self.rank)
        last = writer.last_step() if writer.path.is_file() else None
        self._next_step = 0 if last is None else last + 1
        writer.begin(verifier.stages, num_ranks)
        return writer

    def metrics(self) -> dict[str, float]:
        """Return what all ranks have spent so far and what their audits show, read from their files."""
        with self._lock:
            reader = self._reader = self._reader or LedgerReader(self.folder, self.window_steps)
            reader.read()
            total, last = reader.total, reader.last_steps(self.window_steps)
        audited = [step.audited for step in last if step.audited]
        window = [item for items in audited for item in items]
        return {**total_metrics(total), **audit_metrics(audited[-1] if audited else (), window)}

    def wait(self) -> None:
        """Wait for the audits.

        Raises:
            InfraError: One broke down.
        """
        self.auditor.wait()

    def close(self) -> None:
        """End the audits, after the program that runs, and close the file. A later call opens it again."""
        self.auditor.close()
        with self._lock:
            writer, self._writer, self._reader = self._writer, None, None
        if writer is not None:
            writer.close()

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key not in _NOT_PICKLED}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._start_anew()


def rank_of_process() -> tuple[int, int]:
    """Return this process' rank and how many there are, as torch or the launcher's environment say; 0 of 1 elsewhere."""
    distributed = sys.modules.get("torch.distributed")
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    for rank, num_ranks in _LAUNCHERS:
        if rank in os.environ:
            return int(os.environ[rank]), int(os.environ.get(num_ranks, "1"))
    return 0, 1
