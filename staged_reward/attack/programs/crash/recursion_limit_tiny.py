# kind: call
# must: fail
# why: leaves the process that serves it almost no stack
import sys


def add(a, b):
    sys.setrecursionlimit(20)
    return 0
