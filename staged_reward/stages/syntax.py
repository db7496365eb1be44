"""Stage `syntax`: does the program compile? Nothing of the program is executed here.

`compile` runs in this process, which is trusted and long-lived, so source is looked at first. What `needs_child`, or makes
the compiler run out of stack here, is compiled in a short-lived child process with limits on CPU time and memory; if that
child dies, the verdict is `syntax_error`. Large legal programs pass; they only cost the child.

Length bounds how deep a program can nest, but not what the compiler makes of it. It writes a `finally` clause once per way
out of it, so that nested ones multiply; it keeps every step of a sum of repeated constants; and it names every nested
function after those around it. So the words for these are counted.

Not covered: Python versions older than 3.11 (their parser lacks some guards), and programs that need a compiler flag.
"""

from __future__ import annotations

import functools
import marshal
import subprocess
import sys
import time
import warnings
from types import CodeType
from typing import Any

from staged_reward.errors import InfraError
from staged_reward.problem import Problem, StageResult, Verdict

FILENAME = "<program>"

INLINE_CHARS = 20_000
_MAX_COUNTS = {"finally": 1, "lambda": 50, "*": 100}
_CHILD_CPU_SECONDS = 3
_CHILD_MEMORY_MIB = 1024
_CHILD_WALL_SECONDS = 300

# Reads UTF-8 source, writes `C` and the marshalled code, or `E`, the line number and the message.
_CHILD = f"""
import marshal, resource, sys, warnings
resource.setrlimit(resource.RLIMIT_CPU, ({_CHILD_CPU_SECONDS}, {_CHILD_CPU_SECONDS}))
resource.setrlimit(resource.RLIMIT_AS, ({_CHILD_MEMORY_MIB << 20}, {_CHILD_MEMORY_MIB << 20}))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
warnings.simplefilter("ignore")
try:
    code = compile(sys.stdin.buffer.read().decode(), {FILENAME!r}, "exec", dont_inherit=True, optimize=0)
    answer = b"C" + marshal.dumps(code)
except SyntaxError as error:
    answer = b"E%d %s" % (error.lineno or 0, str(error.msg).encode("utf-8", "replace"))
except (RecursionError, MemoryError, OverflowError, ValueError) as error:
    answer = b"E0 too deeply nested or too large to compile (%s)" % type(error).__name__.encode()
sys.stdout.buffer.write(answer)
"""


def check_syntax(problem: Problem, program: str) -> StageResult:
    """Stage `syntax`: `passed` when the program compiles, else `syntax_error`."""
    wall, cpu = time.perf_counter(), time.thread_time()
    verdict, detail = Verdict.PASSED, ""
    try:
        parse_program(program)
    except SyntaxError as error:
        verdict, detail = Verdict.SYNTAX_ERROR, describe(error)
    return StageResult(
        stage="syntax",
        verdict=verdict,
        detail=detail,
        seconds=time.perf_counter() - wall,
        cpu_seconds=time.thread_time() - cpu,
    )


def parse_program(source: str) -> CodeType:
    """Compile a program without running it.

    One leading byte order mark is dropped; everything else is compiled as given. Emits no warning and leaves the
    warnings of other modules alone.

    Returns:
        The module's code. It may be run only in the sandbox.

    Raises:
        SyntaxError: The program does not compile, for whatever reason: also NUL bytes, lone surrogates, nesting
            beyond what the compiler can hold.
        InfraError: The child that compiles large programs could not be run.
    """
    text = source.removeprefix("\ufeff")
    if needs_child(text):
        return _compile_in_child(text)
    try:
        return compile_here(text)
    except (RecursionError, MemoryError):
        # How much stack is left here depends on the caller; in the child it is always the same.
        return _compile_in_child(text)


def compile_here(text: str) -> CodeType:
    """Compile in this process, whatever the length.

    Raises:
        SyntaxError: The text does not compile; also for NUL bytes and lone surrogates.
        RecursionError, MemoryError: Too deeply nested for the stack that is left.
    """
    found = _compiled(text)
    if isinstance(found, CodeType):
        return found
    raise SyntaxError(*found)


@functools.lru_cache(maxsize=64)  # what is looked for in a completion is then checked, and told from copies
def _compiled(text: str) -> CodeType | tuple[Any, ...]:
    """Return the code, or the arguments of the SyntaxError."""
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        return "source contains a NUL byte", (FILENAME, line, None, None)
    silence_warnings(FILENAME)
    try:
        return compile(text, FILENAME, "exec", dont_inherit=True, optimize=0)
    except SyntaxError as error:  # not its `args`: some of the compiler's errors have their place in attributes alone
        where = error.filename, error.lineno, error.offset, error.text, error.end_lineno, error.end_offset
        return error.msg, where
    except (UnicodeError, ValueError, OverflowError) as error:
        return f"cannot be compiled: {error}", (FILENAME, 0, None, None)


def needs_child(source: str) -> bool:
    """True when compiling the source could take a trusted process too much time, memory or stack."""
    if len(source) > INLINE_CHARS:
        return True
    for word, most in _MAX_COUNTS.items():  # noqa: SIM110  asked several times of every program, and `any` takes longer
        if source.count(word) > most:
            return True
    return False


def describe(error: SyntaxError) -> str:
    """One line for people: where, and what."""
    message = " ".join(str(error.msg).split())
    return f"line {error.lineno}: {message}" if error.lineno else message


def silence_warnings(filename: str) -> None:
    """Ignore what the compiler warns of in `filename`, with a filter that no other file matches.

    `warnings.catch_warnings` swaps the process's filters and is not safe with threads. This adds one filter, again only
    when something else was put before it; a filter that turns warnings into errors would change verdicts otherwise.
    """
    pattern = warnings.filters[0][3] if warnings.filters else None
    if getattr(pattern, "pattern", pattern) != _exactly(filename):
        warnings.filterwarnings("ignore", module=_exactly(filename))


def _exactly(filename: str) -> str:
    return rf"\A{filename}\Z"


def _compile_in_child(text: str) -> CodeType:
    answer = _ask_child(text)
    if answer[:1] == b"C":
        code = marshal.loads(answer[1:])  # written by our own child, which ran nothing but the compiler
        assert isinstance(code, CodeType)
        return code
    line, _, message = answer[1:].decode("utf-8", "replace").partition(" ")
    raise SyntaxError(message, (FILENAME, int(line), None, None))


def _ask_child(text: str) -> bytes:
    if "\0" in text:
        raise SyntaxError("source contains a NUL byte", (FILENAME, 0, None, None))
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        raise SyntaxError(f"cannot be compiled: {error.reason}", (FILENAME, 0, None, None)) from error
    command = [sys.executable, "-I", "-S", "-c", _CHILD]
    try:
        child = subprocess.run(command, input=data, capture_output=True, timeout=_CHILD_WALL_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InfraError(
            f"syntax: the compiling child did not run ({error}); check memory and process limits"
        ) from error
    if child.returncode or child.stdout[:1] not in (b"C", b"E"):
        limits = f"{_CHILD_CPU_SECONDS} CPU seconds and {_CHILD_MEMORY_MIB} MiB"
        raise SyntaxError(f"does not compile within {limits}", (FILENAME, 0, None, None))
    return child.stdout
