# kind: call
# must: fail
# why: tens of thousands of exceptions, each the cause of the next
def add(a, b):
    error = None
    for n in range(50_000):
        following = ValueError(n)
        following.__cause__ = following.__context__ = error
        error = following
    raise error
