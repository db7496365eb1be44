# kind: call
# must: fail
# why: two hundred and fifty processes that fork from each other and wait
import ctypes
import os
import time


def add(a, b):
    for _ in range(8):
        try:
            os.fork()
        except OSError:
            break
    ctypes.CDLL(None).prctl(15, b"canarybomb", 0, 0, 0)
    time.sleep(5)
    os._exit(0)
