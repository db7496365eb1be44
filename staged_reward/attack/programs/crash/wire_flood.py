# kind: call
# must: fail
# why: answers one question a million times
import os
import struct


def add(a, b):
    data = (struct.pack(">I", 3) + b"\x92\x00\x00") * 5000
    for _ in range(400):
        for fd in range(3, 16):
            try:
                os.write(fd, data)
            except OSError:
                continue
    return 0
