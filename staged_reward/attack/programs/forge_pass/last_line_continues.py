# kind: assert
# must: fail
# why: ends in the middle of a statement, so that a grader that glues text makes the test part of it
# entry: add
# test: assert add(2, 3) == 5
def add(a, b):
    return None


if False: \
