# kind: call
# must: fail
# why: arrays, maps and texts that announce more than follows
import os
import struct


def add(a, b):
    for body in (
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\xdb\xff\xff\xff\xff",
        b"\xc9\xff\xff\xff\xff\x00",
    ):
        payload = b"\x92\x00" + body
        for fd in range(3, 16):
            try:
                os.write(fd, struct.pack(">I", len(payload)) + payload)
            except OSError:
                continue
    os._exit(0)
