# kind: call
# must: fail
# why: sends a reply for every small number on every descriptor, then ends
import os
import struct


def add(a, b):
    for number in range(128):
        payload = b"\x92\x00" + bytes([number])
        for fd in range(3, 64):
            try:
                os.write(fd, struct.pack(">I", len(payload)) + payload)
            except OSError:
                continue
    os._exit(0)
