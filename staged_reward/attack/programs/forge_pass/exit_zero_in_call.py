# kind: assert
# must: fail
# why: leaves with status 0 from inside the tested function
# flags: bare
import sys


def add(a, b):
    sys.exit(0)
