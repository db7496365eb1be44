"""Stage `lint`: errors that a linter is sure of, such as undefined names. Nothing of the program is executed here.

`pylint` (the default) keeps to its error and fatal messages; `ruff` is many times faster in batches and finds nearly
the same. Comments are stripped first: they are what pylint spends most of its time on, and `# pylint: disable` is a
way around.

A filter removes only what is certainly wrong. So where the linter itself fails (it trips over the program, takes more
than `_CPU_SECONDS` or `_GROWTH_MIB`, or the program is too long to be parsed in a trusted process) the program passes,
and `detail` says why.

Third-party modules are opaque to pylint: if one is installed, anything may be imported from it and any attribute may
exist; if not, importing it is an error. Otherwise verdicts are those of `pylint --errors-only`, except on values that
are too large to be inferred and on programs that import very many modules.

Not covered: memory for sure. Values are inferred up to a size, modules are cached up to a size, and growth is watched,
but not from instant to instant; a worker that dies of it is restarted by whoever started it.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from staged_reward.errors import InputError, nearest
from staged_reward.normalise import strip_comments
from staged_reward.problem import Problem, StageResult, Verdict
from staged_reward.processes import ended_children_cpu_seconds
from staged_reward.stages.deadline import Deadline, OverBudget
from staged_reward.stages.syntax import describe, needs_child, parse_program

if TYPE_CHECKING:
    from staged_reward.stages.pylint_session import PylintSession

Tool = Literal["pylint", "ruff"]

_CPU_SECONDS = 10.0
_GROWTH_MIB = 256
_NOT_LINTED = "not linted: "


class Lint:
    """The stage as a callable: `Lint()(problem, program)`.

    Loads its linter on first use and keeps it; can be pickled, and then loads it again. One thread at a time.
    """

    def __init__(self, tool: Tool = "pylint") -> None:
        if tool not in ("pylint", "ruff"):
            raise InputError(f"lint: unknown tool {tool!r}{nearest(str(tool), ('pylint', 'ruff'))}")
        self.tool: Tool = tool
        self._session: PylintSession | None = None
        self._deadline = Deadline(_CPU_SECONDS, _GROWTH_MIB)

    def __reduce__(self) -> tuple[type[Lint], tuple[Tool]]:
        return (type(self), (self.tool,))

    def __call__(self, problem: Problem, program: str) -> StageResult:
        """Lint one program."""
        return self.check_many([program])[0]

    def check_many(self, programs: Sequence[str]) -> list[StageResult]:
        """Lint programs, one result each in input order. With `ruff` this takes one process for all, not one for each.

        `seconds` and `cpu_seconds` are an even share of the whole with `ruff`.
        """
        if self.tool == "pylint":
            return [self._timed(program) for program in programs]
        wall, cpu = time.perf_counter(), time.thread_time() + ended_children_cpu_seconds()
        details = self._ruff_details(programs)
        share = max(1, len(programs))
        seconds = (time.perf_counter() - wall) / share
        cpu_seconds = (time.thread_time() + ended_children_cpu_seconds() - cpu) / share
        return [_result(detail, seconds, cpu_seconds) for detail in details]

    def _timed(self, program: str) -> StageResult:
        wall, cpu = time.perf_counter(), time.thread_time()
        detail = _too_long(program) or self._pylint_detail(strip_comments(program.removeprefix("\ufeff")))
        return _result(detail, time.perf_counter() - wall, time.thread_time() - cpu)

    def _pylint_detail(self, source: str) -> str:
        from staged_reward.stages.pylint_session import FAULTS, PylintSession

        session, self._session = self._session or PylintSession(), None
        try:
            with self._deadline.limit():
                messages = session.messages(source)
        except OverBudget:
            gc.collect()
            return f"{_NOT_LINTED}pylint took more than {_CPU_SECONDS:g} CPU seconds or {_GROWTH_MIB} MiB"
        except FAULTS as fault:
            return f"{_NOT_LINTED}pylint failed on this program ({type(fault).__name__})"
        self._session = session  # kept only if nothing went wrong
        if not messages:
            return ""
        line, _, number, symbol, text = messages[0]
        return f"line {line}: {symbol} ({number}): {' '.join(text.split())}"

    def _ruff_details(self, programs: Sequence[str]) -> list[str]:
        from staged_reward.stages.ruff_batch import findings

        details = [_reason_not_to_lint(program) for program in programs]
        wanted = [place for place, detail in enumerate(details) if not detail]
        sources = [strip_comments(programs[place].removeprefix("\ufeff")) for place in wanted]
        for place, finding in zip(wanted, findings(sources), strict=True):
            details[place] = f"{_NOT_LINTED}ruff failed on this program" if finding is None else finding
        return details


def _too_long(program: str) -> str:
    return f"{_NOT_LINTED}{len(program)} characters are too long to be linted" if needs_child(program) else ""


def _reason_not_to_lint(program: str) -> str:
    """Why ruff does not see this program: too long (it passes), or it does not compile (it fails)."""
    if too_long := _too_long(program):
        return too_long
    try:
        parse_program(program)
    except SyntaxError as error:
        return describe(error) if error.lineno else f"line 1: {describe(error)}"
    return ""


def _result(detail: str, seconds: float, cpu_seconds: float) -> StageResult:
    passed = not detail or detail.startswith(_NOT_LINTED)
    verdict = Verdict.PASSED if passed else Verdict.LINT_ERROR
    return StageResult(stage="lint", verdict=verdict, detail=detail, seconds=seconds, cpu_seconds=cpu_seconds)
