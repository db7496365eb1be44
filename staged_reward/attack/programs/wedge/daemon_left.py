# kind: call
# must: fail
# why: a daemon in a session of its own goes on after the program ended
# harm: no_process_named comm=canarydmn
import ctypes
import os
import time


def add(a, b):
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        ctypes.CDLL(None).prctl(15, b"canarydmn", 0, 0, 0)
        for fd in range(64):
            try:
                os.close(fd)
            except OSError:
                continue
        time.sleep(10)
        os._exit(0)
    os._exit(0)
