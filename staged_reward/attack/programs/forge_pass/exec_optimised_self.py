# kind: assert
# must: fail
# why: runs itself again with -O, which drops every assert
# flags: bare
import os
import sys

if __debug__ and len(sys.orig_argv) > 2:
    os.execv(sys.executable, [sys.executable, "-O", *sys.orig_argv[1:]])


def add(a, b):
    return None
