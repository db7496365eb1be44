# kind: call
# must: fail
# why: knows the first test by heart and no other
def add(a, b):
    return {(2, 3): 5}.get((a, b))
