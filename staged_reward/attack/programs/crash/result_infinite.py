# kind: call
# must: fail
# why: returns infinity
# task: halve
def halve(number):
    return float("inf")
