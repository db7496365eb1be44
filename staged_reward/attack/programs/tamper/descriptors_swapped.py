# kind: call
# must: fail
# why: puts /dev/null, itself and a pipe in the place of every descriptor
import os


def add(a, b):
    null = os.open("/dev/null", os.O_RDWR)
    for fd in range(64):
        if fd != null:
            try:
                os.fstat(fd)
                os.dup2(null, fd)
            except OSError:
                continue
    return 0
