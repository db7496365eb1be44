"""Every single-site mutant of a program, in a fixed order, or a seeded sample of them.

A mutant differs from the original at one place of the text and keeps everything else, comments and formatting
included; it compiles, and its tree differs from the original's and from every mutant before it. Nothing is run.
"""

from __future__ import annotations

import ast
import random
import tokenize
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from staged_reward.errors import InputError, nearest
from staged_reward.mutation.arithmetic import ARITHMETIC
from staged_reward.mutation.bounds import BOUNDS
from staged_reward.mutation.calls import CALLS
from staged_reward.mutation.conditions import CONDITIONS
from staged_reward.mutation.loops import LOOPS
from staged_reward.mutation.source import Edit, Program
from staged_reward.mutation.statements import STATEMENTS
from staged_reward.mutation.values import VALUES

Operator = Callable[[Program, ast.AST], Iterator[Edit]]

OPERATORS: Mapping[str, Operator] = {
    operator.__name__: operator
    for operator in (*STATEMENTS, *LOOPS, *CALLS, *BOUNDS, *ARITHMETIC, *CONDITIONS, *VALUES)
}
"""Operators by name; the docstring of each is its description. At one site they apply in this order."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A program that differs from another at one place.

    Attributes:
        source: The whole changed program.
        operator: The name in `OPERATORS` of what was done.
        line: Line of the original, from 1, where the change starts.
    """

    source: str
    operator: str
    line: int


def mutate(source: str, *, operators: Sequence[str] | None = None) -> Iterator[Mutant]:
    """Yield every single-site mutant of a program, in a fixed order, each distinct program once.

    Args:
        source: A whole program.
        operators: Names from `OPERATORS`; None for all. Their order here does not matter.

    Raises:
        InputError: The program does not parse, or an operator is unknown.
    """
    for name in operators or ():
        if name not in OPERATORS:
            raise InputError(f"mutate: operator {name!r} is unknown{nearest(name, OPERATORS)}")
    chosen = {name: OPERATORS[name] for name in OPERATORS if operators is None or name in operators}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            program = Program(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError, tokenize.TokenError) as error:
            raise InputError(f"mutate: the program does not parse ({error}); give one that compiles") from error
    return _mutants(program, chosen)


def _mutants(program: Program, operators: Mapping[str, Operator]) -> Iterator[Mutant]:
    seen = {ast.dump(program.tree)}
    for node in program.sites():
        for name, operator in operators.items():
            for edit in operator(program, node):
                source = program.text[: edit.start] + edit.text + program.text[edit.end :]
                identity = _identity(source)
                if identity is not None and identity not in seen:
                    seen.add(identity)
                    yield Mutant(source, name, program.line_number(edit.start))


def _identity(source: str) -> str | None:
    """The tree as text, so that formatting does not count; None when the source does not compile."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = ast.parse(source)
            compile(tree, "<mutant>", "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            return None
    return ast.dump(tree)


def sample_mutants(source: str, num_mutants: int, seed: int, *, operators: Sequence[str] | None = None) -> list[Mutant]:
    """Draw distinct mutants, with as many different operators as possible.

    Args:
        source: A whole program.
        num_mutants: How many; fewer come back when the program has fewer.
        seed: The same seed, source and operators give the same list.
        operators: Names from `OPERATORS`; None for all.

    Raises:
        InputError: The program does not parse, or an operator is unknown.
    """
    generator = random.Random(seed)
    by_operator = defaultdict(list)
    for mutant in mutate(source, operators=operators):
        by_operator[mutant.operator].append(mutant)
    for mutants in by_operator.values():
        generator.shuffle(mutants)
    drawn: list[Mutant] = []
    while by_operator and len(drawn) < num_mutants:
        names = list(by_operator)
        generator.shuffle(names)
        drawn += [by_operator[name].pop() for name in names]
        by_operator = defaultdict(list, {name: rest for name, rest in by_operator.items() if rest})
    return drawn[:num_mutants]
