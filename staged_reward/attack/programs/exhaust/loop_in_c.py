# kind: call
# must: fail
# why: a loop that never comes back to the interpreter
def add(a, b):
    return sum(range(10**13))
