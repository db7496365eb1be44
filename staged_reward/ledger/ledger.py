"""Ledger: what a reward writes down of its calls, and the audits of them."""

from __future__ import annotations

import os
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


class Ledger:
    """Writes a line per call and per audit into a folder that all ranks share.

    Picklable; the copy opens the file again. Machines that share no disk have a ledger each, with what their own ranks did.

    Args:
        folder: Of the ledger; a training that goes on from a checkpoint takes the one that it had.
        auditor: Which completions get the full suite; None for 5 % of them.
        price: Of the machine; None for the first of the table that comes with the package.
        window_steps: Steps that the moving estimates look back on.
        rank: Of this process; None asks the launcher's environment.
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
        self.rank = int(os.environ.get("RANK", "0")) if rank is None else rank
        self._start_anew()

    def _start_anew(self) -> None:
        self._writer: LedgerWriter | None = None
        self._reader: LedgerReader | None = None
        self._num_calls = 0

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
            step: Of the training; None counts calls.

        Raises:
            InputError: The folder cannot be written.
            InfraError: An earlier audit broke down.
        """
        if self._writer is None:
            self._writer = LedgerWriter(self.folder, self.rank)
            self._writer.begin(verifier.stages)
        writer, number = self._writer, self._num_calls if step is None else step
        self._num_calls += 1
        writer.add_call(number, entry)

        def report(audit: Audit) -> None:
            writer.add_audit(
                number,
                audit.audited,
                num_drawn=audit.num_drawn,
                seconds=audit.seconds,
                cpu_seconds=audit.cpu_seconds,
            )

        place = f"{self.rank}/{self._num_calls}/{number}"
        self.auditor.submit(judgements, problems, verifier, gate, place, report)

    def metrics(self) -> dict[str, float]:
        """Return what all ranks have spent so far and what their audits show, read from their files."""
        if self._reader is None:
            self._reader = LedgerReader(self.folder)
        self._reader.read()
        last = self._reader.last_steps(self.window_steps)
        audited = [step.audited for step in last if step.audited]
        window = [item for items in audited for item in items]
        return {**total_metrics(self._reader.total), **audit_metrics(audited[-1] if audited else (), window)}

    def wait(self) -> None:
        """Wait for the audits.

        Raises:
            InfraError: One broke down.
        """
        self.auditor.wait()

    def close(self) -> None:
        """End the audits, after the program that runs, and close the file. A later call opens it again."""
        self.auditor.close()
        if self._writer is not None:
            self._writer.close()
        self._start_anew()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_writer": None, "_reader": None, "_num_calls": 0}
