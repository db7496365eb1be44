# kind: call
# must: fail
# why: returns more than the output limit
def add(a, b):
    return "x" * (64 << 20)
