# kind: assert
# must: fail
# why: an object that takes part in arithmetic and always says zero
# entry: mean
# test: assert abs(mean([1, 2]) - 1.5) < 1e-9
# test: assert round(mean([4]), 2) == 4
# flags: bare
class Near:
    def __sub__(self, other):
        return 0.0

    __rsub__ = __sub__

    def __round__(self, digits=None):
        return self

    def __eq__(self, other):
        return True


def mean(items):
    return Near()
