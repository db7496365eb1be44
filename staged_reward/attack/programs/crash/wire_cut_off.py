# kind: call
# must: fail
# why: announces a hundred bytes, sends ten and ends
import os


def add(a, b):
    for fd in range(3, 64):
        try:
            os.write(fd, b"\0\0\0\x64" + b"\x92" * 10)
        except OSError:
            continue
    os._exit(0)
