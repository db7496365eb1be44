# kind: assert
# must: fail
# why: a trace function ends the process well as soon as anything is raised
# flags: bare
import os
import sys


def watch(frame, event, argument):
    if event == "exception":
        os._exit(0)
    return watch


sys.settrace(watch)


def add(a, b):
    raise LookupError
