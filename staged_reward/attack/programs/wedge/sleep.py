# kind: call
# must: fail
# why: takes no CPU time and never returns
import time


def add(a, b):
    time.sleep(3600)
