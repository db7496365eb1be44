# kind: call
# must: fail
# why: reads address zero
import ctypes


def add(a, b):
    return ctypes.string_at(0)
