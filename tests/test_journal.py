"""The journal: a kill at any byte loses no problem, repeats none and mixes nothing up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from staged_reward.errors import InputError
from staged_reward.journal import Journal

GROUPS = [[(2, {"a": 2}), (0, {"a": 0})], [(1, {"a": "é\ud800\n"})], [(4, {"a": 4}), (3, {"a": None})]]


def write(output: Path, groups: list[list[tuple[int, dict[str, Any]]]], *, resume: bool = False) -> set[int]:
    """Journal the groups that are not there yet, as a caller would, and finish. Return the positions taken up."""
    with Journal(output, "same", resume=resume) as journal:
        kept = set(journal.rows)
        for group in groups:
            if not {position for position, _ in group} <= kept:
                journal.add(group)
        journal.finish()
    return kept


def partial_bytes(folder: Path) -> bytes:
    with Journal(folder / "out.jsonl", "same", resume=False) as journal:
        for group in GROUPS:
            journal.add(group)
    return (folder / "out.jsonl.partial").read_bytes()


def test_rows_come_out_in_input_order_and_nothing_else_is_left(tmp_path: Path) -> None:
    write(tmp_path / "out.jsonl", GROUPS)
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert rows == [{"a": 0}, {"a": "é\ud800\n"}, {"a": 2}, {"a": None}, {"a": 4}]
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, 400))
def test_a_kill_after_any_byte_keeps_whole_problems_only(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    folder = tmp_path_factory.mktemp("journal")
    output = folder / "out.jsonl"
    write(output, GROUPS)
    expected = output.read_bytes()
    whole = partial_bytes(folder)
    (folder / "out.jsonl.partial").write_bytes(whole[:cut])
    kept = write(output, GROUPS, resume=True)
    positions = [{position for position, _ in group} for group in GROUPS]
    assert kept in [set().union(*positions[:count]) for count in range(4)]
    assert output.read_bytes() == expected


def test_taking_up_a_file_does_not_rewrite_it(tmp_path: Path) -> None:
    whole = partial_bytes(tmp_path)
    (tmp_path / "out.jsonl.partial").write_bytes(whole + b'{"rows": [[7,')
    with Journal(tmp_path / "out.jsonl", "same", resume=True) as journal:
        assert set(journal.rows) == {0, 1, 2, 3, 4}
        assert (tmp_path / "out.jsonl.partial").read_bytes() == whole


def test_without_resume_a_partial_file_is_started_over(tmp_path: Path) -> None:
    partial_bytes(tmp_path)
    with Journal(tmp_path / "out.jsonl", "other", resume=False) as journal:
        assert journal.rows == {}


def test_other_settings_are_refused_and_the_partial_file_stays(tmp_path: Path) -> None:
    before = partial_bytes(tmp_path)
    with pytest.raises(InputError, match="other samples, problems or settings"):
        Journal(tmp_path / "out.jsonl", "other", resume=True)
    assert (tmp_path / "out.jsonl.partial").read_bytes() == before


@pytest.mark.parametrize(
    "content", [b"hello\n", b"[]\n", b'{"a": 1}\n', b"\xff\xfe\n", b"7\n", b'{"fingerprint": 1}\n{}\n']
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "out.jsonl.partial").write_bytes(content)
    with pytest.raises(InputError, match="holds no results of a killed run"):
        Journal(tmp_path / "out.jsonl", "same", resume=True)
    assert (tmp_path / "out.jsonl.partial").read_bytes() == content


def test_a_place_that_cannot_be_written_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file or directory; choose another --output"):
        Journal(tmp_path / "missing" / "out.jsonl", "same", resume=False)
    with pytest.raises(InputError, match="it is a folder"):
        Journal(tmp_path, "same", resume=False)


def test_an_older_result_stays_until_the_run_is_done(tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    output.write_text("old\n", encoding="utf-8")
    with Journal(output, "same", resume=False) as journal:
        journal.add(GROUPS[0])
    assert output.read_text(encoding="utf-8") == "old\n"
