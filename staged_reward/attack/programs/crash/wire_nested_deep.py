# kind: call
# must: fail
# why: a reply of a hundred thousand lists in each other
import os
import struct


def add(a, b):
    payload = b"\x92\x00" + b"\x91" * 100_000 + b"\x00"
    for fd in range(3, 16):
        try:
            os.write(fd, struct.pack(">I", len(payload)) + payload)
        except OSError:
            continue
    os._exit(0)
