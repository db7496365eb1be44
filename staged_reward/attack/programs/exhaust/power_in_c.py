# kind: call
# must: fail
# why: one operation on integers that takes for ever
def add(a, b):
    return 7 ** (7**12)
