"""`stdio` tests: inputs go in, what was printed comes back and is compared here. Trusted side of `script`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from staged_reward.limits import Limits
from staged_reward.problem import StdioTest, Verdict
from staged_reward.sandbox.codec import MalformedError, TooLargeError
from staged_reward.sandbox.compare import same_output
from staged_reward.sandbox.guest import VALUE, Code
from staged_reward.sandbox.host import ForkServer, GuestProcess, operation
from staged_reward.sandbox.observe import digest_of_output
from staged_reward.sandbox.outcome import Outcome, short, verdict_of_ending, verdict_of_load
from staged_reward.sandbox.reply import GuestGoneError, LoadError, Shapes, receive_reply
from staged_reward.sandbox.suite import Suite
from staged_reward.sandbox.supervise import Ending, Reason
from staged_reward.sandbox.wire import FrameTooLargeError, frame

FORK_SECONDS = 0.05  # of CPU time, for each test, on top of the tests' own limits
MAX_BYTES_AHEAD = 1 << 16  # of an input that is sent before the last one is answered: what a socket holds for sure

MAX_STATUS = 0xFFFF  # of a process that has ended

_SHAPES: Shapes = {VALUE: (int, int, float, bytes, bytes)}


def run_scripts(
    server: ForkServer,
    suite: Suite,
    code: Code,
    limits: Limits,
    outcome: Outcome,
    *,
    count: bool,
    packages: int,
) -> None:
    """Run the `stdio` tests, each in a process of its own, forked from one that has compiled the program."""
    tests = [test for test in suite.tests if isinstance(test, StdioTest)]
    guest = server.start(_limits_of_script_host(limits, len(tests)), packages=packages, is_script=True)
    bounds = limits.cpu_seconds, limits.wall_seconds, limits.memory_mib, limits.num_processes, limits.output_mib << 20
    guest.send(operation(code, suite.imports, len(tests), *bounds))
    inputs = _Inputs(guest, tests)
    try:
        for index, test in enumerate(tests):
            inputs.send(index)
            verdict, detail, cpu_seconds = _judge_script(guest, test, suite.seen)
            outcome.note(verdict, detail)
            outcome.add_cost(cpu_seconds)
            if verdict is not Verdict.PASSED and (not count or verdict is Verdict.TIMEOUT):
                break
    except GuestGoneError:
        outcome.note(*verdict_of_ending(guest.hang_up()))
    except LoadError as error:
        outcome.note(*verdict_of_load(error))
    except (FrameTooLargeError, TooLargeError) as error:
        outcome.note(Verdict.OUTPUT_LIMIT, str(error))
    except MalformedError as error:
        outcome.note(Verdict.CRASHED, f"the program's process sent what is no reply: {error}")
    outcome.cpu_seconds = max(outcome.cpu_seconds, guest.end(kill=outcome.verdict is not Verdict.PASSED).cpu_seconds)


class _Inputs:
    """Sends inputs, a small one ahead of its turn, so that the program's host does not wait for it."""

    def __init__(self, guest: GuestProcess, tests: Sequence[StdioTest]) -> None:
        self._guest = guest
        self._frames = [test.stdin.encode("utf-8", "surrogatepass") for test in tests]
        self._num_sent = 0

    def send(self, index: int) -> None:
        """Send what is needed for one test, and the next input where it is small."""
        if self._num_sent == index:
            self._send_next()
        if self._num_sent == index + 1 < len(self._frames) and len(self._frames[index + 1]) < MAX_BYTES_AHEAD:
            self._send_next()

    def _send_next(self) -> None:
        self._guest.send(frame(self._frames[self._num_sent]))
        self._num_sent += 1


def _limits_of_script_host(limits: Limits, num_tests: int) -> Limits:
    """Return the limits of the process that compiles the program and forks the runs; it bounds these itself."""
    return replace(
        limits,
        cpu_seconds=limits.cpu_seconds + FORK_SECONDS * num_tests,
        wall_seconds=(limits.wall_seconds + limits.cpu_seconds) * (num_tests + 1),
        output_mib=(limits.output_mib + 1) * num_tests,
        file_mib=max(limits.file_mib, limits.output_mib),
    )


def _judge_script(guest: GuestProcess, test: StdioTest, seen: list[str] | None) -> tuple[Verdict, str, float]:
    _, (reason, status, cpu_seconds, stdout, stderr) = receive_reply(guest, _SHAPES)
    if reason not in set(Reason) or not 0 <= status <= MAX_STATUS or not 0.0 <= cpu_seconds < float("inf"):
        raise MalformedError("no way for a process to end")
    text = stderr.decode("utf-8", "replace")
    verdict, detail = _verdict_of_script(Reason(reason), status, stdout, text, None if seen is not None else test)
    if seen is not None:
        seen.append(digest_of_output(stdout.decode("utf-8", "replace")) if verdict is Verdict.PASSED else verdict)
    return verdict, detail, cpu_seconds


def _verdict_of_script(
    reason: Reason, status: int, stdout: bytes, stderr: str, test: StdioTest | None
) -> tuple[Verdict, str]:
    """Return what a run is worth; without a test, any output will do."""
    if reason is not Reason.EXITED or os.WIFSIGNALED(status):
        return verdict_of_ending(Ending(reason, status, 0.0, 0.0))
    if os.WEXITSTATUS(status) != 0:
        return (Verdict.MEMORY_LIMIT if "MemoryError" in stderr else Verdict.RUNTIME_ERROR), stderr
    output = stdout.decode("utf-8", "replace")
    if test is None or same_output(output, test.stdout):
        return Verdict.PASSED, ""
    return Verdict.WRONG_ANSWER, f"stdin {short(test.stdin)}: printed {short(output)}; expected {short(test.stdout)}"
