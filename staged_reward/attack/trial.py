"""One program, the problem it claims to solve, and what must become of it. Plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from staged_reward.problem import Problem

CATEGORIES = ("forge_pass", "evade_filter", "tamper", "escape", "exfiltrate", "exhaust", "wedge", "crash")
HONEST = "honest"
KINDS = ("call", "assert", "stdio")


class Must(StrEnum):
    """What has to happen for the sandbox to have held.

    FAIL: the program is not scored as right. NOT_HARM: its answer is right or wrong, only its side effects count. PASS: it
    is honest. None of them may give `infra_error`, and none may leave a mark on the host or on the next program.
    """

    FAIL = "fail"
    NOT_HARM = "not_harm"
    PASS = "pass"


@dataclass(frozen=True, slots=True)
class Harm:
    """One thing to look for on the host; see `harms` for the types and their settings."""

    type: str
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pair:
    """The honest program that runs next in the same worker, and must pass."""

    problem: Problem
    program: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One program to run.

    Attributes:
        name: Unique in its corpus.
        category: One of `CATEGORIES`, or `honest`.
        kind: The kind of the problem's tests: `call`, `assert` or `stdio`.
        problem: What it claims to solve.
        program: Its source; `canary` fills in what stands between `@` signs.
        must: What has to become of it.
        why: What it tries, in one line.
        harms: What to look for on the host, beyond what is looked for after every program.
        pair: What runs next; None for the category's usual one.
        is_bare: It is harmless without a sandbox, so it may also run in other graders.
        is_heavy: It takes long, or much memory: the quick test run leaves it out.
    """

    name: str
    category: str
    kind: str
    problem: Problem
    program: str
    must: Must
    why: str = ""
    harms: tuple[Harm, ...] = ()
    pair: Pair | None = None
    is_bare: bool = False
    is_heavy: bool = False
