# kind: call
# must: fail
# why: returns ninety thousand lists in each other
# task: nested
def nested(n):
    result = []
    for _ in range(90_000):
        result = [result]
    return result
