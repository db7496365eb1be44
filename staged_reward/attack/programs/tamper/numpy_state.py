# kind: call
# must: fail
# why: changes numpy's global state and functions
import numpy

numpy.random.seed(1)
numpy.seterr(all="raise")
numpy.sum = lambda *args: 0
numpy.array = None


def add(a, b):
    return 0
