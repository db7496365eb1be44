# kind: call
# must: fail
# why: a flood of empty frames
import os


def add(a, b):
    for _ in range(2000):
        for fd in range(3, 16):
            try:
                os.write(fd, bytes(4096))
            except OSError:
                continue
    return 0
