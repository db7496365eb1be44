# kind: call
# must: fail
# why: kills its process group and its session
import os
import signal


def add(a, b):
    if os.getpgrp() == os.getpid() or b"staged_reward" in open("/proc/self/cmdline", "rb").read():
        os.killpg(0, signal.SIGKILL)
    return 0
