# kind: call
# must: fail
# why: closes the standard streams and all descriptors
import os
import sys


def add(a, b):
    sys.stdout.close()
    sys.stdin.close()
    os.closerange(0, 4096)
    return 0
