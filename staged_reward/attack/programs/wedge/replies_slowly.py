# kind: assert
# must: fail
# why: every step is quick, and there is no end of steps
# entry: forever
# test: assert sum(1 for item in forever()) == 3
import itertools


def forever():
    return itertools.count()
