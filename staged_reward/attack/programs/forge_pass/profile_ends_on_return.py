# kind: assert
# must: fail
# why: a profile function ends the process well when the tested function returns
# flags: bare
import os
import sys


def watch(frame, event, argument):
    if event == "return" and frame.f_code.co_name == "add":
        os._exit(0)


sys.setprofile(watch)


def add(a, b):
    return None
