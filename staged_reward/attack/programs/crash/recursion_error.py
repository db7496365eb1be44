# kind: call
# must: fail
# why: recurses without end
def add(a, b):
    return add(b, a)
