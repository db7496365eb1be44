"""`stdio` tests: programs run as scripts, a process per test, and read and write as they would under a plain Python."""

# ruff: noqa: E501  a program stands on one line

from collections.abc import Iterator

import pytest

from staged_reward.limits import Limits
from staged_reward.problem import Problem, StdioTest, Verdict
from staged_reward.sandbox.host import ForkServer
from staged_reward.sandbox.judge import run_suite
from staged_reward.sandbox.outcome import Outcome
from staged_reward.sandbox.suite import Suite

LIMITS = Limits(cpu_seconds=2.0, wall_seconds=4.0)


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    server = ForkServer()
    yield server
    server.close()


def run(
    server: ForkServer,
    program: str,
    *tests: tuple[str, str],
    limits: Limits = LIMITS,
    count: bool = False,
    setup: str = "",
) -> Outcome:
    problem = Problem(task_id="t", tests=tuple(StdioTest(*test) for test in tests), setup=setup)
    return run_suite(server, Suite.of(problem), program, limits, count=count)


READERS = {
    "input": "print(int(input()) + int(input()))",
    "input until the end": "s = 0\ntry:\n    while True:\n        s += int(input())\nexcept EOFError:\n    print(s)",
    "stdin.read": "import sys\nprint(sum(map(int, sys.stdin.read().split())))",
    "stdin.readline": "import sys\ninput = sys.stdin.readline\nprint(int(input()) + int(input()))",
    "stdin.readlines": "import sys\nprint(sum(map(int, sys.stdin.readlines())))",
    "for line in stdin": "import sys\nprint(sum(int(line) for line in sys.stdin))",
    "stdin.buffer": "import sys\nprint(sum(map(int, sys.stdin.buffer.read().split())))",
    "from sys import stdin": "from sys import stdin, stdout\nstdout.write(str(sum(map(int, stdin))) + '\\n')",
    "open(0)": "print(sum(map(int, open(0).read().split())))",
    "open(0) as a file": "with open(0) as f:\n    print(sum(map(int, f)))",
    "os.read": "import os\nprint(sum(map(int, os.read(0, 1000).split())))",
    "/dev/stdin": "print(sum(map(int, open('/dev/stdin'))))",
    "fileinput": "import fileinput\nprint(sum(int(line) for line in fileinput.input()))",
    "fstat and BytesIO": "import io, os\nf = io.BytesIO(os.read(0, os.fstat(0).st_size))\nprint(sum(map(int, f)))",
    "mmap": "import mmap\nprint(sum(map(int, mmap.mmap(0, 0, prot=mmap.PROT_READ).read().split())))",
    "stdin wrapped anew": "import io, sys\nsys.stdin = io.TextIOWrapper(sys.stdin.buffer, encoding='utf-8')\nprint(int(input()) + int(input()))",
    "mixed input and sys.stdin": "import sys\na = int(input())\nprint(a + int(sys.stdin.readline()))",
    "numpy": "import sys, numpy as np\nprint(int(np.array(sys.stdin.read().split(), dtype=int).sum()))",
}
WRITERS = {
    "print": "print(5)",
    "print without a line end": "print(5, end='')",
    "print with flush": "print(5, flush=True)",
    "print to a file": "import sys\nprint(5, file=sys.stdout)",
    "stdout.write": "import sys\nsys.stdout.write('5\\n')",
    "stdout.buffer": "import sys\nsys.stdout.buffer.write(b'5\\n')",
    "os.write": "import os\nos.write(1, b'5\\n')",
    "open(1)": "with open(1, 'w') as f:\n    f.write('5')",
    "open(1), left open": "f = open(1, 'w')\nf.write('5')",
    "/dev/stdout": "open('/dev/stdout', 'w').write('5')",
    "stdout wrapped anew": "import io, sys\nsys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding='ascii')\nprint(5)",
    "stdout in a buffer of its own": "import io, os, sys\nsys.stdout = io.StringIO()\nprint(5)\nos.write(1, sys.stdout.getvalue().encode())",
    "stdout of a class of its own": "import os, sys\nclass Out:\n    def __init__(self): self.parts = []\n    def write(self, s): self.parts.append(s); return len(s)\n    def flush(self): os.write(1, ''.join(self.parts).encode()); self.parts.clear()\nsys.stdout = Out()\nprint(5)",
    "a place of its own": "import os\nassert os.path.dirname(os.path.abspath(__file__)) == os.getcwd()\nprint(5)",
    "write at exit to the first stdout": "import atexit, io, sys\nfirst, sys.stdout = sys.stdout, io.StringIO()\natexit.register(first.write, '5\\n')",
    "write at exit": "import atexit\natexit.register(print, 5)",
    "stderr besides": "import sys\nprint('noise', file=sys.stderr)\nprint(5)",
    "exit()": "print(5)\nexit()",
    "exit(0)": "print(5)\nexit(0)",
    "quit()": "print(5)\nquit()",
    "sys.exit": "import sys\nprint(5)\nsys.exit()",
    "sys.exit in a function": "import sys\ndef main():\n    print(5)\n    sys.exit(0)\nmain()",
    "raise SystemExit": "print(5)\nraise SystemExit",
    "main guard": "def main():\n    print(5)\nif __name__ == '__main__':\n    main()",
    "thread": "import threading\nt = threading.Thread(target=print, args=(5,))\nt.start()",
    "thread with a big stack": (
        "import sys, threading\nsys.setrecursionlimit(10 ** 6)\nthreading.stack_size(2 ** 27)\n"
        "def f(n): return 0 if n == 0 else 1 + f(n - 1)\ndef main():\n    print(f(50_000) // 10_000)\n"
        "t = threading.Thread(target=main)\nt.start()\nt.join()"
    ),
    "deep recursion": "import sys\nsys.setrecursionlimit(10 ** 6)\ndef f(n): return 0 if n == 0 else 1 + f(n - 1)\nprint(f(50_000) // 10_000)",
    "dataclass": "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\nprint(P(5).x)",
    "typing": "from typing import NamedTuple, List\nclass P(NamedTuple):\n    x: int\nprint(P(5).x)",
    "pickle of a class": "import pickle\nclass P: x = 5\nprint(pickle.loads(pickle.dumps(P())).x)",
    "future import": "from __future__ import annotations\ndef f(x: Unknown): return x\nprint(f(5))",
    "arguments": "import sys\nprint(5 if len(sys.argv) == 1 and isinstance(sys.argv[0], str) else sys.argv)",
    "temporary file": "import tempfile\nwith tempfile.NamedTemporaryFile('w+') as f:\n    f.write('5')\n    f.seek(0)\n    print(f.read())",
    "file in the working folder": "open('a.txt', 'w').write('5')\nprint(open('a.txt').read())",
    "subprocess": "import subprocess\nprint(subprocess.run(['echo', '5'], capture_output=True, text=True).stdout)",
    "multiprocessing": "from multiprocessing import Pool\ndef f(x): return x + 2\nif __name__ == '__main__':\n    with Pool(2) as p:\n        print(p.map(f, [3])[0])",
    "asyncio": "import asyncio\nasync def main():\n    print(5)\nasyncio.run(main())",
    "300 MB": "a = bytearray(300 * 10 ** 6)\nprint(len(a) // (60 * 10 ** 6))",
    "invalid escape": "x = '\\d'\nprint(5) if x is not 5 else 0",
    "byte order mark": "\ufeffprint(5)",
    "windows line ends": "x = 2\r\nprint(\r\n  x + 3)\r\n",
    "encoding cookie": "# -*- coding: latin-1 -*-\nprint(len('aé€bc'))",
    "closed stdout": "import sys\nprint(5)\nsys.stdout.close()",
    "globals named like ours": "VALUE = frame = wire = code = module = 5\nprint(module)",
}  # fmt: skip


@pytest.mark.parametrize("name", READERS)
def test_every_way_to_read_works(server, name: str) -> None:
    outcome = run(server, READERS[name], ("1\n2\n", "3\n"), ("1\r\n2", "3"))
    assert outcome.verdict is Verdict.PASSED, outcome.detail


@pytest.mark.parametrize("name", WRITERS)
def test_every_way_to_write_works(server, name: str) -> None:
    outcome = run(server, WRITERS[name], ("", "5\n"), ("ignored\n", "5\n"))
    assert outcome.verdict is Verdict.PASSED, outcome.detail


FAILING = {
    "other output": ("print(6)", Verdict.WRONG_ANSWER),
    "nothing": ("", Verdict.WRONG_ANSWER),
    "extra line": ("print(5)\nprint(6)", Verdict.WRONG_ANSWER),
    "exception": ("print(5)\n1 / 0", Verdict.RUNTIME_ERROR),
    "exit code": ("print(5)\nexit(3)", Verdict.RUNTIME_ERROR),
    "exit text": ("print(5)\nexit('bad')", Verdict.RUNTIME_ERROR),
    "exit code 256": ("print(5)\nimport os\nos._exit(1)", Verdict.RUNTIME_ERROR),
    "end of input": ("print(int(input()))\nprint(input())", Verdict.RUNTIME_ERROR),
    "signal": ("import os\nos.kill(os.getpid(), 9)", Verdict.CRASHED),
    "unnamed signal": ("import os\nos.kill(os.getpid(), 40)", Verdict.CRASHED),
    "segmentation fault": ("import ctypes\nctypes.string_at(0)", Verdict.CRASHED),
    "memory": ("a = bytearray(10 ** 11)", Verdict.MEMORY_LIMIT),
    "surrogate": ("print('\\ud800')", Verdict.RUNTIME_ERROR),
    "not utf-8": ("import os\nos.write(1, b'\\xff5\\n')", Verdict.WRONG_ANSWER),
    "syntax error": ("print 5", Verdict.SYNTAX_ERROR),
    "nul": ("print(5)\0", Verdict.SYNTAX_ERROR),
    "lone surrogate in the source": ("x = '\ud800'\nprint(5)", Verdict.SYNTAX_ERROR),
    "10,000 parentheses": ("x = " + "(" * 10_000 + ")" * 10_000, Verdict.SYNTAX_ERROR),
}


@pytest.mark.parametrize("name", FAILING)
def test_failing_scripts_have_their_verdict(server, name: str) -> None:
    program, verdict = FAILING[name]
    outcome = run(server, program, ("5\n", "5\n"))
    assert (outcome.verdict, outcome.num_passed, outcome.num_run) == (verdict, 0, 1)
    assert outcome.detail.isprintable()
    assert run(server, "print(5)", ("", "5\n")).verdict is Verdict.PASSED


def test_text_beyond_ascii_goes_in_and_out(server) -> None:
    outcome = run(server, "s = input()\nprint(len(s), s[::-1])", ("añ€😀\n", "4 😀€ña\n"))
    assert outcome.verdict is Verdict.PASSED, outcome.detail


def test_five_megabytes_of_input_and_output_pass(server) -> None:
    text = "1234567 " * 625_000
    outcome = run(server, "import sys\nsys.stdout.write(sys.stdin.read())", (text, text))
    assert outcome.verdict is Verdict.PASSED, outcome.detail


def test_inputs_of_other_tests_do_not_count_against_the_memory_of_a_run(server) -> None:
    tests = [("x" * 4_000_000, "4000000\n")] * 40
    outcome = run(server, "print(len(input()))", *tests, limits=Limits(memory_mib=128))
    assert (outcome.verdict, outcome.num_passed) == (Verdict.PASSED, 40)


def test_tests_share_nothing(server) -> None:
    program = (
        "import os, math\nif os.path.exists('mark') or hasattr(math, 'mark'): raise SystemExit(1)\n"
        "math.mark = 1\nprint(input())"
    )
    assert run(server, program, *[(f"{n}\n", f"{n}\n") for n in range(20)]).num_passed == 20


def test_first_failure_ends_the_run_unless_asked_to_count(server) -> None:
    tests = [(f"{n}\n", f"{n}\n") for n in range(6)]
    program = "n = int(input())\nif n == 4: raise ValueError('four')\nprint(n if n != 2 else 0)"
    outcome = run(server, program, *tests)
    assert (outcome.verdict, outcome.num_passed, outcome.num_run) == (Verdict.WRONG_ANSWER, 2, 3)
    assert outcome.detail == r"stdin '2\n': printed '0\n'; expected '2\n'"
    outcome = run(server, program, *tests, count=True)
    assert (outcome.verdict, outcome.num_passed, outcome.num_run) == (Verdict.WRONG_ANSWER, 4, 6)


def test_each_test_has_its_own_cpu_limit(server) -> None:
    limits = Limits(cpu_seconds=0.5, wall_seconds=4.0)
    program = "import time\nwhile time.process_time() < 0.25: pass\nprint(5)"
    outcome = run(server, program, *[("", "5\n")] * 4, limits=limits)
    assert (outcome.verdict, outcome.num_passed) == (Verdict.PASSED, 4)
    assert 0.2 < outcome.longest_cpu_seconds < 0.5
    assert outcome.cpu_seconds > 0.9


def test_timeout_ends_the_run_even_when_counting(server) -> None:
    limits = Limits(cpu_seconds=0.2, wall_seconds=4.0)
    outcome = run(server, "while True: pass", *[("", "5\n")] * 10, limits=limits, count=True)
    assert (outcome.verdict, outcome.num_run) == (Verdict.TIMEOUT, 1)


def test_endless_output_ends_as_output_limit(server) -> None:
    outcome = run(server, "while True: print('x' * 1000)", ("", "5\n"), limits=Limits(output_mib=1))
    assert (outcome.verdict, outcome.num_run) == (Verdict.OUTPUT_LIMIT, 1)


def test_process_that_keeps_stdout_open_does_not_hold_up_the_verdict(server) -> None:
    program = "import os, time\nprint(5, flush=True)\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(60)"
    outcome = run(server, program, ("", "5\n"))
    assert outcome.verdict is Verdict.PASSED, outcome.detail


def test_imports_of_the_setup_are_in_scope(server) -> None:
    assert run(server, "print(math.floor(5.5))", ("", "5\n"), setup="import math").verdict is Verdict.PASSED
