"""Labelled candidates, a problem at a time: what every loss is trained on, and what pairs are drawn from.

The paper's rules (Orlanski et al., arXiv 2506.10056, appendix A): programs are formatted by Black, those that do not parse
are dropped, then problems without both a correct and an incorrect program. Copies are dropped too, and programs that the
verifier could not judge.

Here: the rows of samples and their results in, groups out, each drop counted. Not here: drawing pairs (`pairs`), making
wrong programs (`near_miss`).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from staged_reward.errors import InputError
from staged_reward.normalise import black_format, identity
from staged_reward.problem import Problem
from staged_reward.rows import Row, read_rows
from staged_reward.samples import Sample
from staged_reward.stages.syntax import parse_program

SAMPLE, SOLUTION = "sample", "solution"
"""Where a program comes from; a near miss has `mutant:OPERATOR`."""


class LabelledProgram(NamedTuple):
    """A program, whether it passes the full suite, and where it comes from."""

    program: str
    passed: bool
    origin: str = SAMPLE


@dataclass(slots=True)
class Group:
    """All labelled programs of one problem, each once.

    Attributes:
        task_id: Of the problem.
        prompt: What a reward model reads before a program.
        programs: In the order in which they came.
    """

    task_id: str
    prompt: str
    programs: list[LabelledProgram] = field(default_factory=list)

    @property
    def correct(self) -> list[LabelledProgram]:
        """Those that pass."""
        return [program for program in self.programs if program.passed]

    @property
    def incorrect(self) -> list[LabelledProgram]:
        """Those that do not."""
        return [program for program in self.programs if not program.passed]

    @property
    def has_both(self) -> bool:
        """Whether there is something to compare."""
        return bool(self.correct) and bool(self.incorrect)


@dataclass(slots=True)
class Counts:
    """What became of the programs that were read; the paper's Table 4 has a part of it.

    Attributes:
        problems: With at least one program, sample or solution.
        problems_kept: With a correct and an incorrect program.
        samples: Read.
        no_code: Completions without a program.
        syntax_errors: Programs that do not parse.
        not_judged: Programs for which the verifier has no outcome.
        copies: Programs that another one of their problem equals once formatted.
        programs: Left in the problems kept.
        passed: Of those, correct ones.
        near_misses: Of those, mutants that fail.
        pairs: Drawn.
    """

    problems: int = 0
    problems_kept: int = 0
    samples: int = 0
    no_code: int = 0
    syntax_errors: int = 0
    not_judged: int = 0
    copies: int = 0
    programs: int = 0
    passed: int = 0
    near_misses: int = 0
    pairs: int = 0

    def as_dict(self) -> dict[str, int]:
        """Return the counts by name."""
        return asdict(self)


def read_outcomes(path: str | Path, samples: Sequence[Sample]) -> list[bool | None]:
    """Read whether each sample passes; None where the verifier could not tell.

    Args:
        path: What `staged-reward verify --full` wrote for the file of samples: a row each, in their order, with `passed`.
            Or rows with `label`, where `pass` or true says so.
        samples: Of that file.

    Raises:
        InputError: The rows are not those of the samples; with file and line.
    """
    rows = list(read_rows(path))
    if len(rows) != len(samples):
        raise InputError(f"{path}: {len(rows)} results for {len(samples)} samples; give the results of that very file")
    return [_outcome(row, sample) for row, sample in zip(rows, samples, strict=True)]


def _outcome(row: Row, sample: Sample) -> bool | None:
    if str(row.data.get("task_id")) != str(sample.task_id):
        raise row.error(f"key 'task_id' is {row.data.get('task_id')!r}, but the sample's is {sample.task_id!r}")
    if row.data.get("verdict") == "infra_error":
        return None
    if isinstance(row.data.get("passed"), bool):
        return bool(row.data["passed"])
    if isinstance(row.data.get("label"), str | bool):
        return row.data["label"] in (True, "pass")
    if "passed" in row.data and row.data["passed"] is None:
        raise row.error("key 'passed' is null: the full suite did not run; verify with --full")
    raise row.error("neither 'passed' nor 'label' is there; give what `staged-reward verify --full` wrote")


def make_groups(
    samples: Sequence[Sample], outcomes: Sequence[bool | None], counts: Counts, *, solved: Sequence[Problem] = ()
) -> list[Group]:
    """Return the problems of some samples with their programs, in the order in which they come; all of them.

    Args:
        samples: With their problems.
        outcomes: Whether each passes.
        counts: Added to.
        solved: Problems whose own solutions are correct programs too; they come first, also those without samples.
    """
    groups: dict[str, Group] = {}
    seen: dict[str, set[bytes]] = defaultdict(set)
    for problem in solved:
        if problem.solution:
            group = groups.setdefault(problem.task_id, Group(problem.task_id, problem.prompt))
            group.programs += _formatted(problem.solution, True, SOLUTION, seen[problem.task_id], counts)
    for sample, passed in zip(samples, outcomes, strict=True):
        problem = sample.problem
        group = groups.setdefault(problem.task_id, Group(problem.task_id, problem.prompt))
        counts.samples += 1
        if sample.program is None:
            counts.no_code += 1
        elif passed is None:
            counts.not_judged += 1
        else:
            group.programs += _formatted(sample.program, passed, SAMPLE, seen[problem.task_id], counts)
    counts.problems += len(groups)
    return list(groups.values())


def _formatted(source: str, passed: bool, origin: str, seen: set[bytes], counts: Counts) -> Iterator[LabelledProgram]:
    """Yield the program as Black formats it, unless it does not parse or is a copy."""
    try:
        parse_program(source)
    except SyntaxError:
        counts.syntax_errors += 1
        return
    key = identity(source)
    if key in seen:
        counts.copies += 1
        return
    seen.add(key)
    yield LabelledProgram(black_format(source), passed, origin)


def keep_usable(groups: Iterable[Group], counts: Counts) -> list[Group]:
    """Return the problems with a correct and an incorrect program.

    Raises:
        InputError: There is none.
    """
    kept = [group for group in groups if group.has_both]
    if not kept:
        raise InputError(
            f"none of {counts.problems} problems has a correct and an incorrect program; sample more programs for each, "
            "or add near misses"
        )
    counts.problems_kept = len(kept)
    counts.programs = sum(len(group.programs) for group in kept)
    counts.passed = sum(len(group.correct) for group in kept)
    counts.near_misses = sum(item.origin.startswith("mutant:") for group in kept for item in group.programs)
    return kept


def write_groups(path: str | Path, groups: Iterable[Group]) -> None:
    """Write a row for each problem."""
    rows = (
        {"task_id": g.task_id, "prompt": g.prompt, "programs": [item._asdict() for item in g.programs]} for g in groups
    )
    write_rows(path, rows)


def write_rows(path: str | Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write JSON lines."""
    with Path(path).open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def read_groups(path: str | Path) -> list[Group]:
    """Read what `write_groups` wrote.

    Raises:
        InputError: A row is another; with file, line and key.
    """
    return [_group_of(row) for row in read_rows(path)]


def _group_of(row: Row) -> Group:
    for key, kind in (("task_id", str), ("prompt", str), ("programs", list)):
        if not isinstance(row.data.get(key), kind):
            raise row.error(
                f"key {key!r} is {type(row.data.get(key)).__name__}, not {kind.__name__}; give make_pairs' groups"
            )
    try:
        programs = [LabelledProgram(**item) for item in row.data["programs"]]
    except TypeError as error:
        raise row.error(f"key 'programs': {error}; give make_pairs' groups") from error
    return Group(row.data["task_id"], row.data["prompt"], programs)
