# kind: call
# must: fail
# why: a process name with brackets and numbers, for whoever reads the table of processes
import ctypes


def add(a, b):
    ctypes.CDLL(None).prctl(15, b") R 1 1 1 0 0", 0, 0, 0)
    while True:
        pass
