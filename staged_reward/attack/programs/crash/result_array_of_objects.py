# kind: call
# must: fail
# why: returns an array of objects that hold each other
# task: double_all
import numpy


def double_all(items):
    array = numpy.empty(2, dtype=object)
    array[:] = [array, array]
    return array
