# kind: call
# must: not_harm
# why: right, with children that are stopped, or traced by each other
# harm: no_process_named comm=canarydmn
import ctypes
import os
import signal


def add(a, b):
    if a == 400:
        for _ in range(8):
            if os.fork() == 0:
                ctypes.CDLL(None).prctl(15, b"canarydmn", 0, 0, 0)
                os.setsid()
                os.kill(os.getpid(), signal.SIGSTOP)
                os._exit(0)
    return a + b
