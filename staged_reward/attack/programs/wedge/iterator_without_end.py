# kind: call
# must: fail
# why: returns an iterator that never ends
# task: double_all
import itertools


def double_all(items):
    return itertools.repeat(2)
