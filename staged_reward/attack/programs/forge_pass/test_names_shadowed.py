# kind: assert
# must: fail
# why: defines the names that tests use, as functions that never complain
# entry: square
# test: assert all(square(n) == n * n for n in range(4))
# test: assert any(square(n) == 9 for n in range(4))
# flags: bare
def all(items):
    return True


any = all


def range(*args):
    return []


def square(n):
    return 0
