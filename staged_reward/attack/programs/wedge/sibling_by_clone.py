# kind: call
# must: fail
# why: makes a process that is its parent's child, not its own, and ends
import ctypes
import os
import time


def add(a, b):
    libc = ctypes.CDLL(None, use_errno=True)
    for signal in (17, 0, 9):
        pid = libc.syscall(56, 0x8000 | signal, 0, 0, 0, 0)
        if pid == 0:
            libc.prctl(15, b"canarydmn", 0, 0, 0)
            time.sleep(10)
            os._exit(0)
    os._exit(0)
