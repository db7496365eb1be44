# kind: stdio
# must: fail
# why: stops the process that forks one child per test, then runs on
import os
import signal

if os.getppid() > 1:
    os.kill(os.getppid(), signal.SIGSTOP)
while True:
    pass
