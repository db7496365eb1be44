# kind: assert
# must: fail
# why: an exit function turns the failed test's status into 0
# flags: bare
import atexit
import os


@atexit.register
def smile():
    os._exit(0)


def add(a, b):
    return None
