# kind: call
# must: fail
# why: a child traces it, so that its end waits for the child
import ctypes
import os
import time


def add(a, b):
    parent = os.getpid()
    ctypes.CDLL(None).prctl(0x59616D61, -1)
    if os.fork() == 0:
        ctypes.CDLL(None).ptrace(16, parent, 0, 0)
        time.sleep(8)
        os._exit(0)
    time.sleep(8)
    return 0
