"""Results on disk, safe against a kill at any moment.

While a run goes on, each finished problem is appended to `OUTPUT.partial` as one line, its rows with their positions.
At the end they are put in input order and moved to `OUTPUT` in one step. A run with the same inputs and settings can
take up a partial file: a torn last line is dropped, so that its problem is verified again as a whole, and a resumed run
gives the rows that an uninterrupted one gives.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any, Self

from staged_reward.errors import InputError


class Journal:
    """Collects result rows by position.

    Args:
        output: Where the results go.
        fingerprint: What the rows depend on: inputs and settings.
        resume: Take up a partial file where there is one.
        partial: Where rows go as they come; None for a file beside the results. It stays unless `finish` is called.

    Raises:
        InputError: The partial file belongs to other inputs or settings, or the results cannot be written there.
    """

    def __init__(self, output: Path, fingerprint: str, *, resume: bool, partial: Path | None = None) -> None:
        if output.is_dir():
            raise InputError(f"cannot write {output}: it is a folder; name a file in it with --output")
        self._output = output
        self._partial = partial or output.with_name(output.name + ".partial")
        self.rows: dict[int, Mapping[str, Any]] = {}
        try:
            size = self._take_up(fingerprint) if resume and self._partial.exists() else 0
            self._file: IO[str] = self._partial.open("a", encoding="utf-8")
            self._file.truncate(size)
        except OSError as error:
            raise InputError(f"cannot write {self._partial}: {error.strerror}; choose another --output") from error
        if not size:
            self._write({"fingerprint": fingerprint})

    def _take_up(self, fingerprint: str) -> int:
        """Read the rows of the partial file; return the size of its whole lines in bytes."""
        data = self._partial.read_bytes()
        size = data.rfind(b"\n") + 1
        try:
            entries = [json.loads(line) for line in data[:size].split(b"\n")[:-1]]
            found = entries[0]["fingerprint"] if entries else fingerprint
            rows = [(position, row) for entry in entries[1:] for position, row in entry["rows"]]
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{self._partial} holds no results of a killed run; move it away") from error
        if found != fingerprint:
            raise InputError(
                f"{self._partial} comes from other samples, problems or settings; repeat those, or leave out --resume"
            )
        self.rows.update(rows)
        return size

    def add(self, rows: Iterable[tuple[int, Mapping[str, Any]]]) -> None:
        """Append the rows of a problem, all of them."""
        rows = list(rows)
        self.rows.update(rows)
        self._write({"rows": rows})

    def _write(self, entry: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()

    def finish(self) -> None:
        """Write the results in input order and remove the partial file."""
        self._file.close()
        ordered = self._output.with_name(self._output.name + ".sorted")
        with ordered.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(self.rows[position]) + "\n" for position in sorted(self.rows))
        os.replace(ordered, self._output)
        self._partial.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()
