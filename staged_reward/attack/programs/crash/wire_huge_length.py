# kind: call
# must: fail
# why: announces four gigabytes and sends nothing
import os
import time


def add(a, b):
    for fd in range(3, 64):
        try:
            os.write(fd, b"\xff\xff\xff\xff")
        except OSError:
            continue
    time.sleep(30)
