# kind: call
# must: fail
# why: a daemon that has another process id every few milliseconds
# harm: no_process_named comm=canarydmn
import ctypes
import os
import time


def add(a, b):
    if os.fork() == 0:
        os.setsid()
        end = time.monotonic() + 5
        ctypes.CDLL(None).prctl(15, b"canarydmn", 0, 0, 0)
        while time.monotonic() < end:
            try:
                if os.fork():
                    os._exit(0)
            except OSError:
                pass
            time.sleep(0.003)
        os._exit(0)
    return 0
