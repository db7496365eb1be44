"""Near misses: mutants of correct programs that fail their tests, each checked by running it.

Reward models rank exactly these too high (Orlanski et al., arXiv 2506.10056, Table 3): `/` for `//`, `sorted` without its
key, `.remove()` in a loop, off by one. A mutant that passes is as correct as far as the tests can tell, and is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from staged_reward.mutation import sample_mutants
from staged_reward.normalise import black_format, identity
from staged_reward.orm.groups import Group, LabelledProgram
from staged_reward.problem import Problem, Verdict
from staged_reward.verifier import StagedVerifier

MUTANT = "mutant:"
MAX_SOURCES = 3  # correct programs of a problem that are changed


def add_near_misses(
    groups: Sequence[Group],
    problems: Mapping[str, Problem],
    verifier: StagedVerifier,
    *,
    num_per_problem: int,
    seed: int,
) -> None:
    """Add to each problem wrong programs that are one edit away from a correct one.

    Args:
        groups: Changed in place.
        problems: By task id, with their tests.
        verifier: Runs the full suite.
        num_per_problem: Mutants that are tried; those that fail are added.
        seed: The same groups and seed give the same mutants.

    Raises:
        InfraError: The verifier could not judge one.
    """
    tried = [(group, mutant) for group in groups for mutant in _mutants(group, num_per_problem, seed)]
    judgements = verifier.verify([problems[group.task_id] for group, _ in tried], [m.program for _, m in tried])
    for (group, mutant), judgement in zip(tried, judgements, strict=True):
        if not judgement.passed and judgement.verdict is not Verdict.INFRA_ERROR:
            group.programs.append(mutant)


def _mutants(group: Group, num_mutants: int, seed: int) -> Iterator[LabelledProgram]:
    """Yield mutants of the first few correct programs in turn; none that the group has already."""
    seen = {identity(item.program) for item in group.programs}
    sources = [item.program for item in group.correct[:MAX_SOURCES]]
    streams = [iter(sample_mutants(source, num_mutants, seed)) for source in sources]
    left = num_mutants
    while streams and left:
        for stream in list(streams):
            mutant = next(stream, None)
            if mutant is None:
                streams.remove(stream)
                continue
            if (key := identity(mutant.source)) not in seen and left:
                seen.add(key)
                left -= 1
                yield LabelledProgram(black_format(mutant.source), False, MUTANT + mutant.operator)
