# kind: assert
# must: fail
# why: the process that the grader waits for ends well, the tests fail in its child
# flags: bare
import os

if os.fork():
    os._exit(0)


def add(a, b):
    return None
