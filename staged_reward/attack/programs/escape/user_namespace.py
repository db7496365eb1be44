# kind: call
# must: fail
# why: makes a user namespace, in which it would be root
import ctypes
import os


def add(a, b):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x10000000) != 0:
        return "shut"
    return "REACHED a user namespace"
