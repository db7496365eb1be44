# kind: call
# must: fail
# why: right until a filter by the first test is behind it
calls = []


def add(a, b):
    calls.append(1)
    return a + b if len(calls) == 1 else 0
