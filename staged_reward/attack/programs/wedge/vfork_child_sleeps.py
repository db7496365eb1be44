# kind: call
# must: fail
# why: waits, not to be interrupted, for a child that shares its memory
import ctypes
import time


def add(a, b):
    libc = ctypes.CDLL(None)
    pid = libc.vfork()
    if pid == 0:
        libc.usleep(8_000_000)
        libc._exit(0)
    return 0
