# kind: call
# must: fail
# why: aborts
import os


def add(a, b):
    os.abort()
