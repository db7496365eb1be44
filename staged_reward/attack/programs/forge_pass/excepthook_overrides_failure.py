# kind: assert
# must: fail
# why: the hook that prints an uncaught error ends the process well instead
# flags: bare
import os
import sys


def ignore(kind, error, where):
    os._exit(0)


sys.excepthook = ignore


def add(a, b):
    return None
