"""Results on disk, safe against a kill at any moment.

While a run goes on, finished problems are appended to `OUTPUT.partial`, each row with its position. At the end they are
put in input order and moved to `OUTPUT` in one step. A run with the same inputs and settings can take up a partial file:
a torn last line is dropped, and problems that are not complete are verified again as a whole, so that a resumed run gives
the rows that an uninterrupted one gives.
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

    Raises:
        InputError: The partial file belongs to other inputs or settings, or the folder cannot be written.
    """

    def __init__(self, output: Path, fingerprint: str, *, resume: bool) -> None:
        self._output = output
        self._partial = output.with_name(output.name + ".partial")
        self.rows: dict[int, Mapping[str, Any]] = {}
        kept = self._read(fingerprint) if resume else []
        try:
            self._file: IO[str] = self._partial.open("w", encoding="utf-8")
        except OSError as error:
            raise InputError(f"cannot write {self._partial}: {error.strerror}; choose another --output") from error
        self._write([{"fingerprint": fingerprint}])
        self.add(kept)

    def _read(self, fingerprint: str) -> list[tuple[int, Mapping[str, Any]]]:
        try:
            lines = self._partial.read_text(encoding="utf-8").split("\n")[:-1]  # what has no line end is torn
        except FileNotFoundError:
            return []
        if lines and json.loads(lines[0])["fingerprint"] != fingerprint:
            raise InputError(
                f"{self._partial} comes from other samples, problems or settings; repeat those, or leave out --resume"
            )
        entries = [json.loads(line) for line in lines[1:]]
        return [(entry["position"], entry["row"]) for entry in entries]

    def add(self, rows: Iterable[tuple[int, Mapping[str, Any]]]) -> None:
        """Append the rows of a problem."""
        rows = list(rows)
        self.rows.update(rows)
        self._write([{"position": position, "row": row} for position, row in rows])

    def _write(self, entries: Iterable[Mapping[str, Any]]) -> None:
        self._file.write("".join(json.dumps(entry) + "\n" for entry in entries))
        self._file.flush()

    def finish(self) -> None:
        """Write the results in input order and remove the partial file."""
        self._file.close()
        ordered = self._output.with_name(self._output.name + ".sorted")
        text = "".join(json.dumps(self.rows[position]) + "\n" for position in sorted(self.rows))
        ordered.write_text(text, encoding="utf-8")
        os.replace(ordered, self._output)
        self._partial.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()
