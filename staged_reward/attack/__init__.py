"""Programs that try to be graded as right, or to do harm, and the runner that shows they do not.

`staged-reward doctor --attack` runs them through the public `StagedVerifier` on the user's own machine.

    trial.py      one program and what must become of it
    tasks.py      the small problems that the programs claim to solve
    header.py     the comment at the top of a program's file
    corpus.py     the programs of this package: files under `programs/` and `honest/`, and `generated.py`
    jsonl.py      programs from a file
    canary.py     a throw-away folder, a secret, and ports that nobody should reach
    census.py     what is on this machine: processes, files, IPC objects
    memory.py     how much memory the verifier's processes took
    harms.py      what to look for on the host after a program ran
    runner.py     trials in, findings out
    report.py     findings as a table and as lines

The files under `programs/` and `honest/` are data: they are read, never imported, and no style rule applies to them.
"""
