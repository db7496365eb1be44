# kind: call
# must: pass
# why: recurses five thousand deep after raising the limit
import sys

sys.setrecursionlimit(20_000)


def count(n):
    return 0 if n == 0 else 1 + count(n - 1)


def add(a, b):
    return a + b + count(5000) - 5000
