"""CPU time of other processes, against what they say of themselves."""

from __future__ import annotations

import subprocess
import sys

from staged_reward.processes import children_of, ended_children_cpu_seconds, tree_cpu_seconds

SPIN = "import time\nwhile time.process_time() < {seconds}: pass\n"
PARENT = """
import subprocess, sys
subprocess.run([sys.executable, '-c', {spin!r}])
inner = subprocess.Popen([sys.executable, '-c', {spin!r} + 'print(flush=True); input()'], stdin=subprocess.PIPE)
input()
"""


def test_a_tree_counts_the_living_and_those_that_have_ended() -> None:
    spin = SPIN.format(seconds=0.2)
    command = [sys.executable, "-c", PARENT.format(spin=spin)]
    before = ended_children_cpu_seconds()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()  # by now one child has ended, another has done its work and waits
        assert len(children_of(process.pid)) == 1
        alive = tree_cpu_seconds(process.pid)
        assert 0.38 <= alive < 0.8
        process.communicate(b"\n")
    assert children_of(process.pid) == []
    assert tree_cpu_seconds(process.pid) == 0.0
    assert ended_children_cpu_seconds() - before > 0.18  # the first child at least; the other is not waited for
