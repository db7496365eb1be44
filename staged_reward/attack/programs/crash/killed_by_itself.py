# kind: call
# must: fail
# why: kills itself as the kernel would when memory is short
import os
import signal


def add(a, b):
    os.kill(os.getpid(), signal.SIGKILL)
