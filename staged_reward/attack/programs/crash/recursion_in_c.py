# kind: call
# must: fail
# why: recurses through C until the stack ends
import sys


class Deep:
    def __repr__(self):
        return f"{self}"


def add(a, b):
    sys.setrecursionlimit(10**8)
    return repr(Deep())
