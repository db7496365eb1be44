# kind: call
# must: fail
# why: ends the process with status 0 in the middle of a call
# flags: bare
import os


def add(a, b):
    os._exit(0)
