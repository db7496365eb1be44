"""The command line as a user has it: files in, files out, exit codes, messages. Every test runs the real program."""

from __future__ import annotations

import gzip
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from staged_reward.examples import CANDIDATES, PROBLEMS

ROOT = Path(__file__).parent.parent
COMMAND = [sys.executable, "-c", "from staged_reward.cli import main; main()"]
CONTRACT = [
    *("task_id", "sample", "verdict", "stage", "passed", "tests_passed", "tests_run", "score", "reward"),
    *("seconds", "cpu_seconds", "detail"),
]
ADD = {
    "task_id": "add",
    "prompt": "def add(a, b):\n",
    "entry_point": "add",
    "tests": [{"type": "call", "args": [a, 2], "expected": a + 2} for a in range(3)],
}
RIGHT = "def add(a, b):\n    return a + b\n"
WRONG = "def add(a, b):\n    return 2 if a == 0 else 9\n"


def run(folder: Path, *arguments: object, **variables: object) -> subprocess.CompletedProcess[str]:
    """Run the program in a folder, in a terminal of 80 columns."""
    environment = os.environ | {"COLUMNS": "80", "HF_HUB_OFFLINE": "1"} | {k: str(v) for k, v in variables.items()}
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=100)


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), "utf-8")
    return path


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def without_times(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if not key.endswith("seconds")} for row in rows]


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_verify_writes_one_row_per_sample_in_input_order(tmp_path: Path) -> None:
    other = ADD | {"task_id": "other"}
    write(tmp_path / "problems.jsonl", [ADD, other])
    samples: list[dict[str, Any]] = [
        {"task_id": "other", "solution": RIGHT, "note": {"temperature": 0.8}},
        {"task_id": "add", "completion": "    return a + b\n"},
        {"task_id": "add", "solution": "def add(a, b):  # sum\n  return a+b"},
        {"task_id": "other", "solution": WRONG, "sample": 7},
        {"task_id": "add", "completion": "I cannot."},
    ]
    (tmp_path / "samples.jsonl.gz").write_bytes(gzip.compress("\n".join(map(json.dumps, samples)).encode()))
    finished = run(tmp_path, "verify", "samples.jsonl.gz", "--problems", "problems.jsonl", "--full")
    assert finished.returncode == 0, finished.stderr
    assert files(tmp_path) == {"problems.jsonl", "samples.jsonl.gz", "samples_results.jsonl"}
    rows = read(tmp_path / "samples_results.jsonl")
    assert all(set(CONTRACT) <= set(row) for row in rows)
    assert [(row["task_id"], row["sample"], row["verdict"], row["stage"], row["passed"]) for row in rows] == [
        ("other", 0, "passed", "full", True),
        ("add", 0, "passed", "full", True),
        ("add", 1, "passed", "full", True),
        ("other", 7, "wrong_answer", "full", False),
        ("add", 2, "no_code", "extract", False),
    ]
    assert [(row["tests_passed"], row["tests_run"], row["reward"], row["count"]) for row in rows] == [
        (3, 3, 1.0, 1),
        (3, 3, 1.0, 2),
        (3, 3, 1.0, 2),
        (1, 2, 0.0, 1),
        (0, 0, 0.0, 1),
    ]
    assert rows[0]["note"] == {"temperature": 0.8}
    assert "wrong_answer" in finished.stdout
    assert "5 programs, 3 passed" in finished.stdout
    assert max(map(len, finished.stdout.splitlines())) <= 80


def test_integer_task_ids_come_back_as_integers(tmp_path: Path) -> None:
    mbpp = {"task_id": 11, "text": "Add.", "code": RIGHT, "test_list": ["assert add(1, 2) == 3"], "test_setup_code": ""}
    write(tmp_path / "problems.jsonl", [mbpp | {"challenge_test_list": []}])
    write(tmp_path / "samples.jsonl", [{"task_id": 11, "solution": RIGHT}])
    finished = run(tmp_path, "verify", "samples.jsonl", "--problems", "problems.jsonl", "--output", "out.jsonl")
    assert finished.returncode == 0, finished.stderr
    assert [(row["task_id"], row["passed"]) for row in read(tmp_path / "out.jsonl")] == [(11, True)]


def test_a_known_data_set_needs_no_file(tmp_path: Path) -> None:
    write(tmp_path / "samples.jsonl", [{"task_id": "HumanEval/0", "completion": "    return False\n"}])
    finished = run(tmp_path, "verify", "samples.jsonl", "--problems", "humaneval", "--filters", "syntax,tests=1")
    assert finished.returncode == 0, finished.stderr
    assert read(tmp_path / "samples_results.jsonl")[0]["verdict"] == "wrong_answer"


GOOD_SAMPLE = {"task_id": "add", "solution": RIGHT}
BAD_ROWS = [
    ("samples", '{"task_id": "add", ', "samples.jsonl:2: invalid JSON at column 19"),
    ("samples", {"task_id": "ad", "solution": ""}, "samples.jsonl:2: key 'task_id' is 'ad', which is not among"),
    ("samples", {"task_id": "add", "solution": "", "completion": ""}, "samples.jsonl:2: give exactly one of the keys"),
    ("samples", {"task_id": "add", "completion": 7}, "samples.jsonl:2: key 'completion' is 7"),
    ("problems", {"task_id": "b", "prompt": ""}, "problems.jsonl:2: key 'tests' is missing"),
    ("problems", {"task_id": "b", "tests": []}, "problems.jsonl:2: key 'tests' is []; give at least one test"),
    (
        "problems",
        {"task_id": "b", "tests": [{"type": "cal"}]},
        "problems.jsonl:2: key 'tests[0].type' is 'cal'; did you",
    ),
    ("problems", ADD | {"task_id": "b", "time_limit_seconds": -1}, "problems.jsonl:2: key 'time_limit_seconds' is -1"),
    ("problems", ADD | {"task_id": "b", "entrypoint": "f"}, "key 'entrypoint'; did you mean 'entry_point'?"),
    ("problems", ADD, "problems.jsonl:2: key 'task_id' is 'add', as in line 1"),
]


@pytest.mark.parametrize(("file", "row", "message"), BAD_ROWS)
def test_a_bad_row_is_one_line_with_place_and_key_and_nothing_is_written(
    tmp_path: Path, file: str, row: Any, message: str
) -> None:
    rows: dict[str, list[Any]] = {"problems": [ADD], "samples": [GOOD_SAMPLE]}
    rows[file].append(row)
    for name, content in rows.items():
        write(tmp_path / f"{name}.jsonl", content)
    check_refused(tmp_path, ["samples.jsonl", "--problems", "problems.jsonl"], message)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--filters", "syntax,lynt"], "unknown filter 'lynt'; did you mean 'lint'?"),
        (["--filters", "tests=4"], "tests=4 but problem 'add' has 3 tests; lower it or drop the problem"),
        (["--cpu-seconds", "-1"], "cpu_seconds=-1.0; give a positive, finite number"),
        (["--memory-mib", "0"], "memory_mib=0; give a positive, finite number"),
        (["--workers", "0"], "workers=0; give a number from 1"),
        (["--time-limit", "none"], "time_limit='none'; give 'siblings' or 'exact'"),
        (["--count"], "needs full"),
        (["--orm", "no/such/folder"], "no/such/folder"),
        (["--output", "samples.jsonl"], "--output samples.jsonl is also an input"),
        (["--output", "missing/out.jsonl"], "cannot write missing/out.jsonl.partial: No such file or directory"),
        (["--output", "."], "it is a folder"),
        (
            ["--problems", "humanevl"],
            "problems 'humanevl': no such file, and no known data set; did you mean 'humaneval'?",
        ),
    ],
)
def test_a_setting_that_cannot_be_used_is_one_line(tmp_path: Path, options: list[str], message: str) -> None:
    write(tmp_path / "problems.jsonl", [ADD])
    write(tmp_path / "samples.jsonl", [GOOD_SAMPLE])
    check_refused(tmp_path, ["samples.jsonl", "--problems", "problems.jsonl", *options], message)


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    write(tmp_path / "problems.jsonl", [ADD])
    check_refused(tmp_path, ["samples.jsonl", "--problems", "problems.jsonl"], "samples.jsonl: no such file")


def check_refused(folder: Path, arguments: list[str], message: str) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    finished = run(folder, "verify", *arguments)
    assert finished.returncode == 2, finished.stderr
    lines = [line for line in finished.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, finished.stderr
    assert lines[0].startswith("error: ")
    assert message in lines[0]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def many(folder: Path) -> list[str]:
    """Write 24 problems with 4 samples each, interleaved, some slow, some copies; return the command's arguments."""
    slow = "import time\nend = time.process_time() + 0.02\nwhile time.process_time() < end:\n    pass\n" + RIGHT
    programs = [RIGHT, slow, RIGHT + "# copy\n", WRONG]
    write(folder / "problems.jsonl", [ADD | {"task_id": str(number)} for number in range(24)])
    samples = [{"task_id": str(number), "solution": program} for program in programs for number in range(24)]
    write(folder / "samples.jsonl", samples)
    return ["verify", "samples.jsonl", "--problems", "problems.jsonl", "--filters", "tests=1", "--full"]


def wait_for_problems(folder: Path, num_problems: int, process: subprocess.Popen[Any]) -> Path:
    """Wait until that many problems are in the partial file of a run; return its path."""
    partial, num_lines = folder / "samples_results.jsonl.partial", 0
    while num_lines <= num_problems and process.poll() is None:
        time.sleep(0.005)
        num_lines = partial.read_bytes().count(b"\n") if partial.exists() else 0
    return partial


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    arguments = many(tmp_path)
    assert run(tmp_path, *arguments, "--output", "whole.jsonl").returncode == 0
    killed = subprocess.Popen(
        [*COMMAND, *arguments], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    with killed:
        partial = wait_for_problems(tmp_path, 7, killed)
        killed.send_signal(signal.SIGKILL)
    assert killed.returncode == -signal.SIGKILL, "it was done before it could be killed"
    before = partial.read_bytes()
    refused = run(tmp_path, *arguments, "--resume", "--cpu-seconds", "2")
    assert refused.returncode == 2
    assert "comes from other samples, problems or settings" in refused.stderr
    assert partial.read_bytes() == before
    finished = run(tmp_path, *arguments, "--resume", "--workers", "1")
    assert finished.returncode == 0, finished.stderr
    num_kept = 4 * (before.count(b"\n") - 1)
    assert num_kept >= 28
    assert f"{num_kept} of them from the run before" in " ".join(finished.stdout.split())
    rows = read(tmp_path / "samples_results.jsonl")
    assert len(rows) == 96
    assert without_times(rows) == without_times(read(tmp_path / "whole.jsonl"))
    kept = {position: row for line in before.splitlines()[1:] for position, row in json.loads(line)["rows"]}
    assert all(rows[position] == row for position, row in kept.items())  # not verified again: even the times are equal
    assert not partial.exists()


def _heed_interrupts() -> None:
    """What a shell starts in the background ignores them, and so do its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_an_interrupted_run_says_how_to_go_on(tmp_path: Path) -> None:
    arguments = many(tmp_path)
    with (tmp_path / "problems.jsonl").open("a") as problems, (tmp_path / "samples.jsonl").open("a") as samples:
        problems.write(json.dumps(ADD | {"task_id": "waits"}) + "\n")  # so that the run is not over too soon
        samples.write(json.dumps({"task_id": "waits", "solution": "import time\ntime.sleep(60)\n"}) + "\n")
    interrupted = subprocess.Popen(
        [*COMMAND, *arguments], cwd=tmp_path, stderr=subprocess.PIPE, text=True, preexec_fn=_heed_interrupts
    )
    wait_for_problems(tmp_path, 2, interrupted)
    interrupted.send_signal(signal.SIGINT)
    _, stderr = interrupted.communicate(timeout=60)
    assert interrupted.returncode == 130
    assert "interrupted; the same command with --resume goes on from here" in stderr
    assert files(tmp_path) == {"problems.jsonl", "samples.jsonl", "samples_results.jsonl.partial"}


def test_a_fault_of_ours_is_exit_code_1_and_says_so(tmp_path: Path) -> None:
    write(tmp_path / "problems.jsonl", [ADD])
    write(tmp_path / "samples.jsonl", [GOOD_SAMPLE])
    broken = "import staged_reward.sandbox.host as host\nhost.START_SECONDS = 1e-9\n"  # no fork server starts in time
    (tmp_path / "sitecustomize.py").write_text(broken, encoding="utf-8")  # every worker imports this
    arguments = ["verify", "samples.jsonl", "--problems", "problems.jsonl"]
    finished = run(tmp_path, *arguments, PYTHONPATH=tmp_path)
    assert finished.returncode == 1, finished.stderr
    assert "failure: 1 of 1 programs have the verdict infra_error" in finished.stderr
    assert "Traceback" not in finished.stderr
    (row,) = read(tmp_path / "samples_results.jsonl")
    assert (row["verdict"], row["reward"], row["passed"]) == ("infra_error", None, False)
    assert "fork server" in row["detail"]


def test_an_orm_orders_the_survivors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_orm(tmp_path / "orm", monkeypatch)
    write(tmp_path / "problems.jsonl", [ADD])
    programs = [RIGHT, WRONG.replace("2", "1"), RIGHT + "# copy\n", "def add(x, y):\n    return y + x\n"]
    write(tmp_path / "samples.jsonl", [{"task_id": "add", "solution": program} for program in programs])
    finished = run(tmp_path, "verify", "samples.jsonl", "--problems", "problems.jsonl", "--orm", "orm")
    assert finished.returncode == 0, finished.stderr
    first, wrong, copy, other = read(tmp_path / "samples_results.jsonl")
    assert [row["stage"] for row in (first, wrong, copy, other)] == ["orm", "tests", "orm", "orm"]
    assert (wrong["score"], wrong["reward"]) == (None, 0.0)
    assert first["score"] == copy["score"] != other["score"]
    assert (first["score"] < other["score"]) == (first["reward"] < other["reward"])
    assert all(0 < row["reward"] < 1 for row in (first, copy, other))


def save_orm(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Save a random reward model; its weights are large, so that scores differ."""
    import torch
    from transformers import LlamaConfig, LlamaForSequenceClassification

    monkeypatch.syspath_prepend(str(ROOT / "train"))
    tokenizer = importlib.import_module("tiny_model").tiny_tokenizer()
    tokenizer.save_pretrained(folder)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    ids = {"bos_token_id": None, "eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    torch.manual_seed(0)
    config = LlamaConfig(vocab_size=len(tokenizer), initializer_range=0.4, num_labels=1, **sizes, **ids)
    LlamaForSequenceClassification(config).save_pretrained(folder)


def test_the_examples_are_verified_as_they_are_labelled(tmp_path: Path) -> None:
    finished = run(tmp_path, "verify", CANDIDATES, "--problems", PROBLEMS, "--full", "--output", "out.jsonl")
    assert finished.returncode == 0, finished.stderr
    rows = read(tmp_path / "out.jsonl")
    assert [row["passed"] for row in rows] == [row["label"] for row in rows]
    assert max(map(len, finished.stdout.splitlines())) <= 80


def test_the_demo_prints_the_stages_and_two_programs(tmp_path: Path) -> None:
    finished = run(tmp_path, "demo")
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr == ""
    for stage in ("extract", "syntax", "lint", "tests", "full"):
        assert f" {stage} " in finished.stdout
    assert "programs per second" in finished.stdout
    assert finished.stdout.count("the best of 16 candidates") == 2
    assert "def ferry_loads(lengths, deck):" in finished.stdout
    assert max(map(len, finished.stdout.splitlines())) <= 80
    assert files(tmp_path) == set()


@pytest.mark.slow
def test_the_demo_shows_what_a_reward_model_chooses(tmp_path: Path) -> None:
    finished = run(tmp_path, "demo", "--orm", "default")
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr == ""
    assert " orm " in finished.stdout
    for words in ("any candidate", "the reward model's of those", "one that passes the full suite"):
        assert f" {words} " in finished.stdout
    assert max(map(len, finished.stdout.splitlines())) <= 80


def test_the_doctor_names_versions_and_isolation(tmp_path: Path) -> None:
    finished = run(tmp_path, "doctor")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    for word in ("Python", "cores", "GPUs", "torch", "trl", "sandbox", "limits", "network", "files"):
        assert word in finished.stdout
    assert max(map(len, finished.stdout.splitlines())) <= 80


@pytest.mark.parametrize("command", [[], ["verify"], ["demo"], ["doctor"]])
def test_help_is_there_and_fits_the_terminal(tmp_path: Path, command: list[str]) -> None:
    finished = run(tmp_path, *command, "--help")
    assert finished.returncode == 0
    assert "Usage: staged-reward" in finished.stdout
    assert max(map(len, finished.stdout.splitlines())) <= 80


@pytest.mark.parametrize("arguments", [["verfy"], ["verify"], ["verify", "a", "--problems", "b", "--filter", "c"]])
def test_a_command_line_that_makes_no_sense_is_exit_code_2(tmp_path: Path, arguments: list[str]) -> None:
    finished = run(tmp_path, *arguments)
    assert finished.returncode == 2
    assert "Traceback" not in finished.stderr
