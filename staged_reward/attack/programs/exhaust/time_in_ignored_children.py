# kind: call
# must: fail
# why: spends its time in children that nobody waits for, so that the kernel adds it to nobody
import os
import signal
import time


def add(a, b):
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    end = time.monotonic() + 6
    while time.monotonic() < end:
        if os.fork() == 0:
            last = time.process_time() + 0.05
            while time.process_time() < last:
                pass
            os._exit(0)
        time.sleep(0.02)
    return 0
