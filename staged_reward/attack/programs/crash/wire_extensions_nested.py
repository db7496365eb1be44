# kind: call
# must: fail
# why: a reply of tuples in tuples, each an extension that is unpacked on its own
import os
import struct


def add(a, b):
    payload = b"\x90"
    for _ in range(2000):
        payload = b"\x91\xc9" + struct.pack(">I", len(payload)) + b"\x00" + payload
    payload = b"\x92\x00" + payload
    for fd in range(3, 16):
        try:
            os.write(fd, struct.pack(">I", len(payload)) + payload)
        except OSError:
            continue
    os._exit(0)
