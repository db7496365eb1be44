# kind: call
# must: fail
# why: returns an object that cannot be pickled, or does something when it is
import os


class Thorn:
    def __reduce__(self):
        return (os._exit, (0,))


def add(a, b):
    return Thorn()
