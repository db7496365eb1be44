# kind: call
# must: fail
# why: returns a range of more items than there are atoms
# task: double_all
def double_all(items):
    return range(10**30)
