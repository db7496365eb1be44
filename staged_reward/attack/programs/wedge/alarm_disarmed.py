# kind: call
# must: fail
# why: disarms every timer of its process
import signal
import time


def add(a, b):
    signal.alarm(0)
    for timer in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
        signal.setitimer(timer, 0)
    time.sleep(3600)
