# kind: call
# must: fail
# why: children that replace themselves as soon as they are killed
# harm: no_process_named comm=canarydmn
import ctypes
import os
import time


def add(a, b):
    end = time.monotonic() + 5
    for _ in range(10):
        if os.fork() == 0:
            ctypes.CDLL(None).prctl(15, b"canarydmn", 0, 0, 0)
            while time.monotonic() < end:
                try:
                    child = os.fork()
                except OSError:
                    continue
                if child:
                    os.waitpid(child, 0)
                    continue
                os.setsid()
                time.sleep(0.02)
                os._exit(0)
            os._exit(0)
    return 0
