# kind: assert
# must: fail
# why: a right function gets other code afterwards
def add(a, b):
    return a + b


def other(a, b):
    return a - b


add.__code__ = other.__code__
