"""Candidates for a data set: every sample once, whatever kills the run."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from staged_reward import InfraError, InputError, load_problems
from staged_reward.samples import read_samples
from tests.fake_generator import FakeGenerator

ROOT = Path(__file__).parent.parent
TEXTS = [f"```python\ndef f():\n    return {number}\n```" for number in range(6)]


@pytest.fixture(scope="module")
def script() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "train"))
        yield importlib.import_module("generate_candidates")


def settings(script: Any, folder: Path, **changes: Any) -> Any:
    return script.Settings(**{"problems": "examples", "output_dir": str(folder), "num_problems": 5, "n": 6, **changes})


def rows(folder: Path, name: str = "samples.jsonl") -> list[tuple[str, int]]:
    text = (folder / name).read_text(encoding="utf-8")
    return [(row["task_id"], row["sample"]) for row in map(json.loads, text.splitlines())]


def test_every_sample_is_there_in_order_and_can_be_verified(script: Any, tmp_path: Path) -> None:
    script.main(settings(script, tmp_path), FakeGenerator(TEXTS))
    problems = load_problems(ROOT / "staged_reward/examples/problems.jsonl")[:5]
    assert rows(tmp_path) == [(problem.task_id, index) for problem in problems for index in range(6)]
    samples = read_samples(tmp_path / "samples.jsonl", problems)
    assert len(samples) == 30
    assert all((sample.program or "").endswith(f"    return {index % 6}\n") for index, sample in enumerate(samples))


@pytest.mark.parametrize("num_before", [0, 1, 7, 13])
def test_a_run_that_is_killed_goes_on_without_loss_or_repeats(script: Any, tmp_path: Path, num_before: int) -> None:
    num_left = [num_before]

    def pause(index: int) -> None:
        if num_left[0] == 0:
            raise SystemExit  # the thread of the fake generator dies, as all would at a kill
        num_left[0] -= 1

    config = settings(script, tmp_path, problems_at_once=1)

    class Dying(FakeGenerator):
        def _deliver(self, run: Any, indices: Any, deliver: Any) -> None:
            try:
                super()._deliver(run, indices, deliver)
            except SystemExit:
                deliver(InfraError("killed"))

    with pytest.raises(InfraError, match="killed"):
        script.main(config, Dying(TEXTS, pause=pause))
    assert not (tmp_path / "samples.jsonl").exists()
    with (tmp_path / "candidates.0.jsonl").open("ab") as file:
        file.write(b'{"task_id": "torn')
    again = FakeGenerator(TEXTS)
    script.main(config, again)
    found = rows(tmp_path, "candidates.0.jsonl")
    assert len(found) == len(set(found)) == 30
    assert len(rows(tmp_path)) == 30
    assert len(again.prompts) == 5 - num_before // 6  # problems that were done are not asked for again


def test_processes_share_the_problems_and_the_last_puts_all_together(
    script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    generators = []
    for rank in range(2):
        assert not (tmp_path / "samples.jsonl").exists()
        monkeypatch.setenv("RANK", str(rank))
        generators.append(FakeGenerator(TEXTS))
        script.main(settings(script, tmp_path), generators[-1])
    assert [len(generator.prompts) for generator in generators] == [3, 2]
    assert len(rows(tmp_path)) == 30


def test_more_samples_are_added_to_those_that_are_there(script: Any, tmp_path: Path) -> None:
    script.main(settings(script, tmp_path, n=2), FakeGenerator(TEXTS))
    script.main(settings(script, tmp_path, n=6), FakeGenerator(TEXTS))
    assert len(rows(tmp_path)) == 30
    assert len(rows(tmp_path, "candidates.0.jsonl")) == 30


def test_samples_of_other_settings_are_not_mixed(script: Any, tmp_path: Path) -> None:
    script.main(settings(script, tmp_path), FakeGenerator(TEXTS))
    with pytest.raises(InputError, match="differ in temperature"):
        script.main(settings(script, tmp_path, temperature=0.2), FakeGenerator(TEXTS))


def test_a_number_below_one_is_refused(script: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="n=0; give a number from 1"):
        settings(script, tmp_path, n=0)


def test_a_line_that_is_no_sample_is_named(script: Any, tmp_path: Path) -> None:
    (tmp_path / "candidates.3.jsonl").write_text('{"task_id": "x"}\n')
    samples = script.Samples(tmp_path, 0)
    with pytest.raises(InputError, match=r"candidates\.3\.jsonl has a line that is no sample"):
        samples.rows()
    samples.close()
