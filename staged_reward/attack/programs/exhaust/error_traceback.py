# kind: call
# must: fail
# why: a traceback of tens of thousands of frames
import sys


def down(n):
    if n == 0:
        raise ValueError
    down(n - 1)


def add(a, b):
    sys.setrecursionlimit(100_000)
    down(40_000)
