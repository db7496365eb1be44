"""Programs of one call become candidates: copies are found, and what holds no code or does not compile ends here.

It needs no worker and runs nothing. Copies are programs of a problem that differ by formatting and comments only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from staged_reward.candidates import Candidate, Group, stage_of
from staged_reward.errors import InfraError
from staged_reward.filters import Filter, Syntax
from staged_reward.normalise import identity
from staged_reward.problem import Problem, StageResult, Verdict
from staged_reward.stages.syntax import check_syntax


def admit(
    problems: Sequence[Problem],
    programs: Sequence[str | None],
    new_group: Callable[[Problem], Group],
    positions: Iterable[int] | None = None,
    identify: Callable[[str], bytes | str] | None = None,
) -> dict[int, Group]:
    """Return the groups of a call, by the identity of their problem object, each with its distinct candidates.

    Args:
        problems: One per program.
        programs: Sources; None where there was no code.
        new_group: Makes the empty group of a problem.
        positions: Where the programs stand in the caller's list; None for in order.
        identify: What copies have in common; None for `identity_of`.
    """
    identify = identify or identity_of
    groups: dict[int, Group] = {}
    by_content: dict[tuple[int, bytes | str | None], Candidate] = {}
    places = range(len(programs)) if positions is None else positions
    for position, problem, program in zip(places, problems, programs, strict=True):
        key = id(problem)
        if key not in groups:
            groups[key] = new_group(problem)
        text_key = (key, program)
        known = by_content.get(text_key)
        if known is None:
            identity = None if program is None else identify(program)
            content = (key, identity)
            known = by_content.get(content)
            if known is None:
                known = Candidate(groups[key], program, [], identity=identity)
                groups[key].candidates.append(known)
            by_content[text_key] = by_content[content] = known
        known.positions.append(position)
    return groups


def has_sound_code(candidate: Candidate, filters: Sequence[Filter]) -> bool:
    """Check that there is code and that it compiles, and note the result.

    Without the filter `syntax`, what does not compile fails the first stage there is.
    """
    if candidate.program is None:
        candidate.results.append(StageResult(stage="extract", verdict=Verdict.NO_CODE, detail="no code found"))
        return False
    result = _syntax(candidate.group.problem, candidate.program)
    tasks = candidate.group.tasks
    if any(isinstance(item, Syntax) for item in filters):
        candidate.results.append(result)
    elif not tasks:
        candidate.results.append(StageResult(stage="extract", verdict=Verdict.PASSED))
    elif result.verdict is not Verdict.PASSED:
        candidate.results.append(replace(result, stage=stage_of(tasks[0])))
    return result.verdict is Verdict.PASSED


def _syntax(problem: Problem, program: str) -> StageResult:
    try:
        return check_syntax(problem, program)
    except InfraError as error:
        return StageResult(stage=Syntax.stage, verdict=Verdict.INFRA_ERROR, detail=str(error))


def identity_of(program: str) -> bytes | str:
    """Return what programs that differ by formatting have in common; the text itself where we cannot tell."""
    try:
        return identity(program)
    except InfraError:
        return program
