# kind: call
# must: fail
# why: right only while a debugger or tracer is there
import sys


def add(a, b):
    return a + b if sys.gettrace() or sys.getprofile() else 0
