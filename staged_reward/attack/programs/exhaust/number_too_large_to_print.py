# kind: call
# must: fail
# why: returns a number whose digits nobody can print
def add(a, b):
    return 1 << 8_000_000
