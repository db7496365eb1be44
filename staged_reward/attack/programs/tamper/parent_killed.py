# kind: assert
# must: fail
# why: kills its ancestors as far as they belong to the verifier
import os
import signal


def ancestors():
    pid = os.getppid()
    while pid > 1:
        try:
            words = open(f"/proc/{pid}/cmdline", "rb").read()
            stat = open(f"/proc/{pid}/stat").read()
        except OSError:
            return
        if b"staged_reward.sandbox" not in words and b"staged_reward.worker" not in words:
            return
        yield pid
        pid = int(stat.rsplit(")", 1)[1].split()[1])


def add(a, b):
    for pid in ancestors():
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass
    return 0
