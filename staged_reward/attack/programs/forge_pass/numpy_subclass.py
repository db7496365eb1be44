# kind: call
# must: fail
# why: a subclass of ndarray that compares as true everywhere
# task: double_all
import numpy


class Same(numpy.ndarray):
    def __eq__(self, other):
        return numpy.ones(2, dtype=bool)

    def tolist(self):
        return [2, 10]


def double_all(items):
    return numpy.zeros(2).view(Same)
