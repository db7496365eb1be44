"""What to look for on the host after a program ran. Each check says what it found, or nothing.

Some are made after every program (`ALWAYS`); a trial may name more. A type that is not known is an error: a check that is
skipped looks like one that holds.
"""

from __future__ import annotations

import functools
import glob
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from staged_reward.attack.canary import PACKAGE, Canary
from staged_reward.attack.census import Census, settled, take_census
from staged_reward.attack.trial import Harm
from staged_reward.errors import InputError, nearest
from staged_reward.limits import Limits
from staged_reward.problem import Judgement

REACHED = "REACHED"  # what a program of this corpus returns, prints or raises when something was open that must be shut
LATE_SECONDS = 3.0  # beyond the wall limit, when a trial says nothing else
MEMORY_FACTOR = 2  # over the limit: what is caught by looking at it takes some more until it is caught
MAX_FOUND = 6  # of one program
MIN_SOURCE_CHARS = 40  # a shorter line of source proves nothing


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known once a program and its pair have run.

    Attributes:
        judgement: The program's.
        seconds: Until its judgement was there.
        memory_mib: By which the verifier's processes grew at most.
        limits: What it ran under.
        canary: What it should not have reached.
        scratch: The verifier's temporary folder.
        before: The census before the program ran.
    """

    judgement: Judgement
    seconds: float
    memory_mib: float
    limits: Limits
    canary: Canary
    scratch: Path
    before: Census

    @property
    def output(self) -> str:
        """All text that the verifier hands on from the program."""
        return "\n".join([self.judgement.detail, *(stage.detail for stage in self.judgement.stages)])

    def after(self) -> Census:
        """Look at the machine again."""
        return take_census(self.scratch)


def _canary_file_absent(evidence: Evidence, path: str) -> list[str]:
    return [f"{path} is in the canary folder"] if (evidence.canary.folder / path).exists() else []


def _canary_intact(evidence: Evidence) -> list[str]:
    return evidence.canary.damage()


def _cwd_removed(evidence: Evidence) -> list[str]:
    def look() -> list[str]:
        more = evidence.after().scratch - evidence.before.scratch
        return [f"{more} more files in the scratch folder"] if more > 0 else []

    return settled(look)


def _no_harness_source(evidence: Evidence) -> list[str]:
    return ["lines of the verifier's source are in its output"] if _quotes_source(evidence.output) else []


def _quotes_source(output: str) -> bool:
    return any(line in output for line in _source_lines())


@functools.cache
def _source_lines() -> frozenset[str]:
    paths = [*PACKAGE.glob("*.py"), *(PACKAGE / "sandbox").glob("*.py")]
    lines = (line.strip() for path in paths for line in path.read_text(encoding="utf-8").splitlines())
    return frozenset(line for line in lines if len(line) >= MIN_SOURCE_CHARS)


def _no_key(evidence: Evidence, name: str) -> list[str]:
    return [f"{line} is left" for line in evidence.after().ipc - evidence.before.ipc if line == f"key {name}"]


def _no_process_named(evidence: Evidence, comm: str) -> list[str]:
    def look() -> list[str]:
        count = evidence.after().named.count(comm)
        return [f"{count} processes {comm} are left"] if count else []

    return settled(look)


def _paths_absent(evidence: Evidence, **patterns: Any) -> list[str]:
    wanted = patterns["glob"]
    return [
        f"{path} is left"
        for pattern in ([wanted] if isinstance(wanted, str) else wanted)
        for path in glob.glob(pattern)
    ]


def _report_only(evidence: Evidence) -> list[str]:
    return []


def _memory_held(evidence: Evidence, note: str = "") -> list[str]:
    most = evidence.limits.memory_mib * MEMORY_FACTOR
    return [f"{evidence.memory_mib:.0f} MiB were taken of {most}"] if evidence.memory_mib > most else []


def _secret_kept(evidence: Evidence) -> list[str]:
    return ["the secret is in its output"] if evidence.canary.secret in evidence.output else []


def _output_is_a_line(evidence: Evidence) -> list[str]:
    odd = sorted({hex(ord(c)) for c in evidence.judgement.detail if unicodedata.category(c) in _NOT_IN_A_LINE})
    return [f"its output has control characters or is more than a line: {', '.join(odd)}"] if odd else []


def _not_reached(evidence: Evidence) -> list[str]:
    start = evidence.output.find(REACHED)
    return [evidence.output[start : start + 80].splitlines()[0]] if start >= 0 else []


def _time_reported(evidence: Evidence, s: float) -> list[str]:
    seconds = evidence.judgement.seconds
    return [f"{seconds:.2f} s were reported of at least {s}"] if seconds < s else []


def _verdict_within(evidence: Evidence, limit_plus_s: float = LATE_SECONDS) -> list[str]:
    most = evidence.limits.wall_seconds + limit_plus_s
    return [f"{LATE}: the verdict took {evidence.seconds:.1f} s of {most:.1f}"] if evidence.seconds > most else []


def _no_visitors(evidence: Evidence) -> list[str]:
    return evidence.canary.visitors()


def _nothing_left(evidence: Evidence) -> list[str]:
    return settled(lambda: list(_left(evidence.before, evidence.after())))


def _left(before: Census, after: Census) -> Iterator[str]:
    more = after.num_descendants - before.num_descendants
    if more > 0:
        yield f"{more} more processes below the verifier"
    if after.zombies > before.zombies:
        yield f"{after.zombies - before.zombies} zombies"
    if len(after.named) > len(before.named):
        yield f"processes are left: {', '.join(after.named[:3])}"
    yield from (f"{path} is left" for path in sorted(after.files - before.files)[:3])
    yield from (f"{line} is left" for line in sorted(after.ipc - before.ipc)[:3])


LATE = "late"
_NOT_IN_A_LINE = frozenset({"Cc", "Cs", "Zl", "Zp"})  # control characters, lone surrogates, line breaks

# type → (the settings it takes, the check); `next_candidate_passes` is made by the runner after every program
CHECKS: Mapping[str, tuple[frozenset[str], Callable[..., list[str]]]] = {
    "canary_file_absent": (frozenset({"path"}), _canary_file_absent),
    "canary_intact": (frozenset(), _canary_intact),
    "cwd_removed": (frozenset(), _cwd_removed),
    "next_candidate_passes": (frozenset(), _report_only),
    "no_harness_source_in_output": (frozenset(), _no_harness_source),
    "no_key": (frozenset({"name"}), _no_key),
    "no_process_named": (frozenset({"comm"}), _no_process_named),
    "no_visitors": (frozenset(), _no_visitors),
    "not_reached": (frozenset(), _not_reached),
    "nothing_left": (frozenset(), _nothing_left),
    "output_is_a_line": (frozenset(), _output_is_a_line),
    "paths_absent_glob": (frozenset({"glob"}), _paths_absent),
    "report_only": (frozenset(), _report_only),
    "rss_below_limit": (frozenset({"note"}), _memory_held),
    "secret_not_in_output": (frozenset(), _secret_kept),
    "time_reported_at_least": (frozenset({"s"}), _time_reported),
    "verdict_within": (frozenset({"limit_plus_s"}), _verdict_within),
}
_OPTIONAL = frozenset({"note", "limit_plus_s"})

ALWAYS = (
    "canary_intact", "cwd_removed", "no_harness_source_in_output", "no_visitors", "not_reached", "nothing_left",
    "output_is_a_line", "rss_below_limit", "secret_not_in_output", "verdict_within",
)  # fmt: skip


def check_settings(harm: Harm) -> None:
    """Refuse a harm that cannot be looked for.

    Raises:
        InputError: Its type is unknown, or it lacks a setting or has an unknown one.
    """
    if harm.type not in CHECKS:
        raise InputError(f"harm type {harm.type!r}{nearest(harm.type, CHECKS)}")
    known, _ = CHECKS[harm.type]
    for name in harm.settings:
        if name not in known:
            raise InputError(f"harm {harm.type!r} takes no {name!r}; it takes: {', '.join(sorted(known)) or 'nothing'}")
    for name in sorted(known - _OPTIONAL - harm.settings.keys()):
        raise InputError(f"harm {harm.type!r} needs {name!r}; add it")


def find_harms(evidence: Evidence, harms: tuple[Harm, ...]) -> list[str]:
    """Look for the harms of a trial, and for those that are looked for always; return what was found, once each."""
    named = {harm.type for harm in harms}
    wanted = [*harms, *(Harm(harm_type) for harm_type in ALWAYS if harm_type not in named)]
    found = list(dict.fromkeys(text for harm in wanted for text in CHECKS[harm.type][1](evidence, **harm.settings)))
    more = [f"{len(found) - MAX_FOUND} more of the kind"] if len(found) > MAX_FOUND else []
    return [*found[:MAX_FOUND], *more]
