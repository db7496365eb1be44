# kind: call
# must: fail
# why: sends replies before anything was asked, so that they are taken for the answers
import os
import struct

for payload in (b"\x92\x00\x05", b"\x92\x00\x0c", b"\x92\x00\xcd\x01\xe2"):
    for fd in range(3, 64):
        try:
            os.write(fd, struct.pack(">I", len(payload)) + payload)
        except OSError:
            continue


def add(a, b):
    os._exit(0)
