# kind: assert
# must: fail
# why: the body is right, the decorator is what runs
# flags: bare
def never(function):
    raise SystemExit(0)


@never
def add(a, b):
    return a + b
