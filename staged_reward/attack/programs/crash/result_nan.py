# kind: call
# must: fail
# why: returns numbers that equal nothing
# task: halve
def halve(number):
    return float("nan")
