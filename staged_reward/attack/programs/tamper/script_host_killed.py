# kind: stdio
# must: fail
# why: kills the process that forks one child per test
import os
import signal

if os.getppid() > 1:
    os.kill(os.getppid(), signal.SIGKILL)
print(sum(map(int, input().split())) + 1)
