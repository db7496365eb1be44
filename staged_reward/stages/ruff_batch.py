"""Runs the `ruff` binary over many programs at once: one process, one temporary folder, one file per program.

Only rules for what fails at run time: E9 and syntax errors, F63 (comparisons that cannot be meant), F7 (statements
out of place), F82 (undefined names). Configuration files, caches and `noqa` comments have no say.
"""

from __future__ import annotations

import functools
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from staged_reward.errors import InfraError, InputError

_SECONDS_PER_CALL = 60.0
_OPTIONS = ("check", "--quiet", "--isolated", "--no-cache", "--no-respect-gitignore", "--ignore-noqa", "--exit-zero")
_RULES = ("--output-format", "json", "--select", "E9,F63,F7,F82")


def findings(sources: Sequence[str]) -> list[str | None]:
    """The first finding per program, as one line.

    Args:
        sources: Programs that can be encoded as UTF-8.

    Returns:
        `""` where ruff found nothing; None where ruff itself failed. A failure of the whole call is narrowed down to
        the programs that cause it.

    Raises:
        InputError: ruff is not installed.
        InfraError: ruff cannot be started.
    """
    if not sources:
        return []
    found = _run(sources)
    if found is not None:
        return list(found)
    if len(sources) == 1:
        return [None]
    middle = len(sources) // 2
    return findings(sources[:middle]) + findings(sources[middle:])


def _run(sources: Sequence[str]) -> list[str] | None:
    with tempfile.TemporaryDirectory(prefix="staged-reward-ruff-") as folder:
        for number, source in enumerate(sources):
            Path(folder, f"{number}.py").write_text(source, encoding="utf-8", newline="")
        version = f"py3{sys.version_info.minor}"
        command = [_binary(), *_OPTIONS, *_RULES, "--target-version", version, folder]
        try:
            ended = subprocess.run(command, capture_output=True, timeout=_SECONDS_PER_CALL, check=False)
        except subprocess.TimeoutExpired:
            return None
        except OSError as error:
            raise InfraError(
                f"lint: ruff cannot be started ({error}); reinstall it or use the tool 'pylint'"
            ) from error
    return None if ended.returncode else _parse(ended.stdout, len(sources))


def _parse(output: bytes, num_sources: int) -> list[str]:
    first: dict[int, tuple[int, int, str]] = {}
    for row in json.loads(output):
        number = int(Path(row["filename"]).stem)
        line, column = row["location"]["row"], row["location"]["column"]
        code = row.get("code") or "invalid-syntax"
        finding = (line, column, f"line {line}: {code}: {' '.join(row['message'].split())}")
        first[number] = min(first.get(number, finding), finding)
    return [first[number][2] if number in first else "" for number in range(num_sources)]


@functools.cache
def _binary() -> str:
    try:
        import ruff  # type: ignore[import-untyped,unused-ignore]
    except ImportError as error:
        raise InputError("lint: the tool 'ruff' is not installed; pip install ruff, or use 'pylint'") from error
    try:
        return str(ruff.find_ruff_bin())
    except FileNotFoundError as error:
        raise InputError(f"lint: the ruff package has no binary ({error}); reinstall ruff, or use 'pylint'") from error
