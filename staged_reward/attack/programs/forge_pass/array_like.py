# kind: call
# must: fail
# why: claims to be an array, so that comparison, all() and numpy ask it
# task: double_all
class Array:
    __array_priority__ = 1e9
    shape, ndim, dtype = (2,), 1, float

    def __array__(self, *args, **options):
        import numpy

        return numpy.zeros(0)

    def __array_function__(self, function, types, args, kwargs):
        return True

    def __array_ufunc__(self, *args, **options):
        return self

    def __eq__(self, other):
        return self

    def all(self, *args):
        return True

    def tolist(self):
        return self


def double_all(items):
    return Array()
