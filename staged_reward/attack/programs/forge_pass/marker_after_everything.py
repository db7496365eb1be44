# kind: assert
# must: fail
# why: prints a success marker as the very last line, after the grader's own
import atexit
import os

atexit.register(os.write, 1, b"\nPASSED\n")


def add(a, b):
    return None
