"""`staged-reward pareto` from samples to report, on a few of the package's examples."""

from __future__ import annotations

import csv
import json
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from staged_reward.cli import app
from staged_reward.errors import InputError
from staged_reward.examples import CANDIDATES, PROBLEMS

TASKS = ("examples/01-ferry-loads", "examples/13-clinic-queue")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for source, name in ((PROBLEMS, "problems.jsonl"), (CANDIDATES, "samples.jsonl")):
        lines = [line for line in source.read_text().splitlines() if json.loads(line)["task_id"] in TASKS]
        (folder / name).write_text("\n".join(lines) + "\n")
    return folder


def run(data: Path, output: Path, *more: str) -> str:
    arguments = [
        "pareto",
        str(data / "samples.jsonl"),
        "--problems",
        str(data / "problems.jsonl"),
        "--output",
        str(output),
    ]
    filters = ["--filters", "none,tests<=1,tests<=3", "--strategies", "certified", "--trials", "1"]
    result = CliRunner().invoke(
        app, [*arguments, *filters, "--no-probe", "--workers", "1", *more], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def study(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("study")
    run(data, output, "--orm", "default", "--orm-filters", "none", "--processes")
    return output


def rows_of(study: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((study / "results.json").read_text())["rows"]
    return found


def test_certified_is_as_accurate_as_the_full_suite_at_every_n(study: Path) -> None:
    rows = rows_of(study)
    [full] = [row for row in rows if row["kind"] == "full" and row["filter"] == "none" and row["order"] == "given"]
    certified = [row for row in rows if row["ranker"] == "certified"]
    assert len(certified) == 3  # by lot, in a learned order, and by the reward model
    for row in certified:
        assert row["best_of"] == full["best_of"]
        assert all(estimate["mean"] == 0.0 for estimate in row["lost"].values())


def test_every_row_has_times_of_every_trial_and_a_price(study: Path) -> None:
    for row in rows_of(study):
        assert len(row["seconds"]) == 1
        assert row["programs_per_second"]["mean"] > 0
        assert set(row["dollars"]) == {"AWS", "Azure", "GCP"}


def test_some_row_is_optimal_and_the_process_per_program_is_there(study: Path) -> None:
    rows = rows_of(study)
    assert any(row["is_optimal"] for row in rows)
    assert [row["name"] for row in rows if row["kind"] == "processes"] == ["full suite, a process each"]


def test_accuracy_of_the_full_suite_is_pass_at_k(study: Path) -> None:
    results = json.loads((study / "results.json").read_text())
    [full] = [row for row in results["rows"] if row["kind"] == "processes"]
    for k, value in results["pass_at_k"].items():
        assert full["best_of"][k]["mean"] == pytest.approx(value)


def test_csv_and_markdown_have_every_row(study: Path) -> None:
    rows = rows_of(study)
    with (study / "table.csv").open() as file:
        table = list(csv.DictReader(file))
    assert len(table) == len(rows)
    assert float(table[0]["bo8"]) == pytest.approx(rows[0]["best_of"]["8"]["mean"])
    markdown = (study / "table.md").read_text()
    [first, *_] = re.findall(r"(?:^\|.*\n)+", markdown, re.MULTILINE)
    assert first.count("\n") == len(rows) + 2


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.num_rows = 0

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.num_rows += tag == "tr"
        for name, value in attributes:
            if name == "id" and value:
                self.ids.append(value)
            if name in ("src", "href", "xlink:href") and value:
                self.links.append(value)


def test_the_report_needs_nothing_else_and_its_ids_are_its_own(study: Path) -> None:
    page = _Page()
    page.feed((study / "report.html").read_text())
    assert all(link.startswith("#") for link in page.links)
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links} <= set(page.ids)
    assert page.num_rows > len(rows_of(study))


def test_pictures_are_whole(study: Path) -> None:
    names = {path.stem for path in study.glob("*.svg")}
    assert {"frontier", "dollars", "stage-times", "false-positives", "removed-ranks-0"} <= names
    for name in names:
        assert ElementTree.parse(study / f"{name}.svg").getroot().tag.endswith("svg")
        assert (study / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_a_finished_study_is_drawn_again_without_a_run(
    data: Path, study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("it ran again")

    before = (study / "table.csv").read_text()
    monkeypatch.setattr("staged_reward.pareto.trial.Trials.run", refuse)
    labels = ["--labels", str(study / "labels.jsonl")]
    run(data, study, "--orm", "default", "--orm-filters", "none", "--processes", *labels, "--resume")
    assert (study / "table.csv").read_text() == before


def test_a_killed_study_goes_on(data: Path, study: Path, tmp_path: Path) -> None:
    lines = (study / "trials.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "trials.jsonl").write_text("".join(lines[:-2]) + lines[-2][:30])
    labels = ["--labels", str(study / "labels.jsonl")]
    run(data, tmp_path, "--orm", "default", "--orm-filters", "none", "--processes", *labels, "--resume")
    again = (tmp_path / "trials.jsonl").read_text().splitlines(keepends=True)
    assert again[:-2] == lines[:-2]
    assert len(again) == len(lines)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--trials", "0"], "--trials 0"),
        (["--filters", "none,lnt"], "did you mean 'lint'"),
        (["--strategies", "certifid"], "did you mean 'certified'"),
        (["--cascade", "a,b@4"], "two names of --orm"),
        (["--orm", "default", "--orm", "default"], "is taken"),
        (["--orm", "x=default,default"], "one trial for each"),
        (["--prices", "nowhere.yaml"], "no table of prices"),
        (["--orm", "nowhere/at/all"], "nowhere/at/all"),
        (["--time-limit", "sibling"], "time_limit='sibling'"),
        (["--filters", "tests=99"], "tests=99 but problem"),
        (["--orm-filters", "lint"], "not among --filters"),
        (["--orm", "default", "--cascade", "default,default@4", "--keep-timeouts"], "--keep-timeouts does not go"),
    ],
)
def test_bad_input_is_refused_before_anything_runs(data: Path, tmp_path: Path, more: list[str], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        run(data, tmp_path, *more)
    assert not (tmp_path / "labels.jsonl").exists()


def test_an_output_that_is_a_file_is_refused(data: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="choose another --output"):
        run(data, tmp_path / "file")


def test_results_are_json_that_others_read(study: Path) -> None:
    def refuse(word: str) -> None:
        raise AssertionError(word)

    json.loads((study / "results.json").read_text(), parse_constant=refuse)


@pytest.mark.slow
def test_one_problem_filters_without_tests_and_seeds_are_drawn_too(data: Path, tmp_path: Path) -> None:
    lines = [
        line for line in (data / "samples.jsonl").read_text().splitlines() if json.loads(line)["task_id"] == TASKS[0]
    ]
    (tmp_path / "samples.jsonl").write_text("\n".join(lines) + "\n")
    (tmp_path / "problems.jsonl").write_text((data / "problems.jsonl").read_text())
    cascade = ["--orm", "default", "--orm", "two=default,default", "--cascade", "default,two@4"]
    run(tmp_path, tmp_path / "out", "--filters", "none", "--strategies", "", "--trials", "2", *cascade)
    rows = {(row["filter"], row["ranker"], row["orm"]): row for row in rows_of(tmp_path / "out")}
    assert rows["none", "random", None]["best_of"]["1"]["low"] is None
    assert ("none", "orm", "default,two@4") in rows
    assert (tmp_path / "out" / "report.html").exists()
