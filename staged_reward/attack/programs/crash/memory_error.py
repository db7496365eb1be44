# kind: call
# must: fail
# why: raises a memory error without using any memory
def add(a, b):
    raise MemoryError
