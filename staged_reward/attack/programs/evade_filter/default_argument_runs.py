# kind: assert
# must: fail
# why: the exit is in a default argument
# flags: bare
def add(a, b, c=exit(0)):
    return a + b
