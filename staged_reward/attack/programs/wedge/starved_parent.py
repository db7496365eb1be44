# kind: call
# must: fail
# why: children that nobody counts keep it waiting for a core, where waiting is not counted
# harm: no_process_named comm=canarydmn
import os
import signal
import time

LIFE_SECONDS = 12


def spin(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def generate(end):
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    last = time.process_time() + 0.1
    while time.process_time() < last and time.monotonic() < end:
        try:
            if os.fork() == 0:
                spin(0.006)
                os._exit(0)
        except OSError:
            os.sched_yield()
    os._exit(0)


def add(a, b):
    end = time.monotonic() + LIFE_SECONDS
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    os.nice(19)
    while time.monotonic() < end:
        for _ in range(4):
            try:
                if os.fork() == 0:
                    generate(end)
            except OSError:
                break
        for _ in range(20):
            os.sched_yield()
    return 0
