# kind: call
# must: fail
# why: returns a number of more digits than Python prints
def add(a, b):
    return -(10**5000)
