"""The ledger's files: what is written is read again, after kills, resumes, full disks, and from many ranks."""

import json
from pathlib import Path

import pytest

from staged_reward.errors import InputError
from staged_reward.ledger.book import LedgerReader, LedgerWriter
from staged_reward.ledger.entry import Entry, StageCost
from staged_reward.ledger.estimates import Audited

STAGES = ("extract", "tests")


def entry(programs: int = 4, cpu: float = 1.0) -> Entry:
    cost = StageCost(num_in=programs, num_kept=1, num_run=programs, cpu_seconds=cpu)
    return Entry(num_calls=1, num_programs=programs, seconds=2.0, verdicts={"passed": programs}, stages={"tests": cost})


def audited(passed: bool = True) -> Audited:
    return Audited(task_id="t", survived=True, is_top=True, passed=passed, weight=2.0, score=0.5, chance=0.6)


def writer(folder: Path, rank: int = 0) -> LedgerWriter:
    made = LedgerWriter(folder, rank)
    made.begin(STAGES, 4)
    return made


def read(folder: Path) -> LedgerReader:
    reader = LedgerReader(folder)
    reader.read()
    return reader


def test_what_is_written_is_read(tmp_path: Path) -> None:
    made = writer(tmp_path)
    made.add_call(3, entry())
    made.add_audit(3, (audited(),), num_drawn=2, seconds=0.5, cpu_seconds=0.25)
    made.close()
    reader = read(tmp_path)
    (step,) = reader.last_steps()
    assert (step.step, step.entry, step.audited) == (3, entry(), [audited()])
    assert (step.num_drawn, step.audit_cpu_seconds) == (2, 0.25)
    assert reader.stages == STAGES
    assert reader.total == entry()


def test_a_ledger_that_was_begun_before_reward_models_were_counted_is_gone_on_with(tmp_path: Path) -> None:
    made = writer(tmp_path)
    made.add_call(0, entry())
    made.close()
    begin, call = (json.loads(line) for line in made.path.read_text().splitlines())
    del call["scoring"]
    made.path.write_text(f"{json.dumps(begin)}\n{json.dumps(call)}\n")
    made = writer(tmp_path)
    made.add_call(1, entry())
    made.close()
    assert read(tmp_path).total == entry() + entry()


def test_ranks_and_calls_of_a_step_add_up(tmp_path: Path) -> None:
    for rank in range(3):
        made = writer(tmp_path, rank)
        made.add_call(0, entry(programs=rank + 1))
        made.add_call(0, entry(programs=1))
        made.close()
    reader = read(tmp_path)
    (step,) = reader.last_steps()
    assert step.entry.num_programs == 1 + 2 + 3 + 3
    assert step.entry.verdicts == {"passed": 9}
    assert reader.total.cpu_seconds == pytest.approx(6.0)
    assert reader.num_ranks == 3


def test_steps_that_are_done_again_count_once(tmp_path: Path) -> None:
    made = writer(tmp_path)
    for number in range(5):
        made.add_call(number, entry(programs=1))
        made.add_audit(number, (audited(),), num_drawn=1, seconds=0.0, cpu_seconds=0.0)
    made.close()
    again = writer(tmp_path)  # went on from the checkpoint of step 3
    again.add_call(3, entry(programs=10))
    again.close()
    reader = read(tmp_path)
    assert [step.entry.num_programs for step in reader.last_steps()] == [1, 1, 1, 10]
    assert [len(step.audited) for step in reader.last_steps()] == [1, 1, 1, 0]
    assert reader.total.num_programs == 13


def test_a_later_start_with_fewer_ranks_leaves_out_what_the_others_had_done(tmp_path: Path) -> None:
    for rank in range(4):
        made = LedgerWriter(tmp_path, rank)
        made.begin(STAGES, 4)
        for number in range(6):
            made.add_call(number, entry(programs=1))
        made.close()
    for rank in range(2):  # went on from the checkpoint of step 4
        made = LedgerWriter(tmp_path, rank)
        made.begin(STAGES, 2)
        made.add_call(4, entry(programs=10))
        made.close()
    reader = read(tmp_path)
    assert [step.entry.num_programs for step in reader.last_steps()] == [4, 4, 4, 4, 20]
    assert reader.total.num_programs == 36


def test_a_reader_lets_go_of_old_audits_when_told(tmp_path: Path) -> None:
    made, reader = writer(tmp_path), LedgerReader(tmp_path, keep_steps=2)
    for number in range(5):
        made.add_call(number, entry())
        made.add_audit(number, (audited(),), num_drawn=1, seconds=0.0, cpu_seconds=0.0)
    reader.read()
    made.close()
    assert [len(step.audited) for step in reader.last_steps()] == [0, 0, 0, 1, 1]
    assert reader.total.num_programs == 20


def test_a_beginning_that_did_not_fit_comes_before_the_next_line(tmp_path: Path) -> None:
    made = writer(tmp_path)
    made.add_call(0, entry(programs=1))
    made.add_call(1, entry(programs=1))
    made.close()
    (tmp_path / "rank-0.jsonl").rename(tmp_path / "kept")
    (tmp_path / "rank-0.jsonl").symlink_to("/dev/full")
    again = LedgerWriter(tmp_path, 0)
    with pytest.warns(UserWarning, match="cannot be written"):
        again.begin(STAGES, 1)
    (tmp_path / "rank-0.jsonl").unlink()
    (tmp_path / "kept").rename(tmp_path / "rank-0.jsonl")
    assert again._file is not None
    again._file.close()
    again._file = (tmp_path / "rank-0.jsonl").open("ab", buffering=0)  # the disk has room again
    again.add_call(1, entry(programs=10))
    again.close()
    assert read(tmp_path).total.num_programs == 11


def test_a_reader_goes_on_where_it_was(tmp_path: Path) -> None:
    made, reader = writer(tmp_path), LedgerReader(tmp_path)
    for number in range(3):
        made.add_call(number, entry(programs=1))
        reader.read()
        assert reader.total.num_programs == number + 1
    assert [step.step for step in reader.last_steps(2)] == [1, 2]
    made.close()


def test_a_line_that_a_kill_tore_is_left_out_and_counted(tmp_path: Path) -> None:
    made = writer(tmp_path)
    made.add_call(0, entry())
    made.close()
    with made.path.open("ab") as file:
        file.write(b'{"kind": "call", "step": 1, "num')
    again = writer(tmp_path)
    again.add_call(1, entry())
    again.close()
    reader = read(tmp_path)
    assert [step.entry for step in reader.last_steps()] == [entry(), entry()]
    assert reader.num_torn == 1


def test_half_a_line_waits_for_its_rest(tmp_path: Path) -> None:
    made = writer(tmp_path)
    reader = LedgerReader(tmp_path)
    line = json.dumps({"kind": "call", "step": 0, **entry().as_row()}).encode() + b"\n"
    for part in (line[:30], line[30:]):
        assert not reader.last_steps()
        with made.path.open("ab") as file:
            file.write(part)
        reader.read()
    assert reader.total == entry()
    assert reader.num_torn == 0
    made.close()


def test_a_full_disk_loses_lines_and_not_the_training(tmp_path: Path) -> None:
    (tmp_path / "rank-0.jsonl").symlink_to("/dev/full")
    made = LedgerWriter(tmp_path, 0)
    with pytest.warns(UserWarning, match=r"cannot be written \(No space left on device\)"):
        made.begin(STAGES, 1)
    for number in range(3):
        made.add_call(number, entry())  # a second warning would be an error here
    assert made.num_lost == 4  # the line of the beginning would come with the next that fits
    made.close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot write the ledger .*file.*give another folder"):
        LedgerWriter(tmp_path / "file" / "ledger", 0).begin(STAGES, 1)


@pytest.mark.parametrize(
    "line", ['{"a": 1}', "[]", '{"kind": "call"}', '{"kind": "call", "step": 1, "x": 2, "stages": {}}']
)
def test_another_kind_of_file_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "rank-0.jsonl").write_text(line + "\n")
    with pytest.raises(InputError, match="no ledger"):
        read(tmp_path)


def test_what_comes_after_the_end_is_dropped(tmp_path: Path) -> None:
    made = writer(tmp_path)
    made.close()
    made.add_call(0, entry())
    assert not read(tmp_path).last_steps()
