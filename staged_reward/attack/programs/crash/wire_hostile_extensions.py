# kind: call
# must: fail
# why: extensions with payloads of the wrong kind: dates, ranges, decimals, arrays, named tuples
import os
import struct

BODIES = [
    (5, b"\x93\x00\xcf\x7f\xff\xff\xff\xff\xff\xff\xff\x01"),
    (7, b"\xac1E999999999999"),
    (9, b"\xa3now"),
    (12, b"\x93\xcf\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00"),
    (16, b"\x92\x01\xc7\x0c\x05\x93\x00\xcf\x7f\xff\xff\xff\xff\xff\xff\xff\x01"),
    (18, b"\x93\xa8__init__\x91\xa9__class__\x91\x00"),
    (20, b"\x93\xa3|O8\x91\x01\xc4\x08\x41\x41\x41\x41\x41\x41\x41\x41"),
    (20, b"\x93\xa3<f8\x91\xcf\x7f\xff\xff\xff\xff\xff\xff\xff\xc4\x00"),
    (21, b"\xa6object"),
    (22, b"\x92\xcf\x7f\xff\xff\xff\xff\xff\xff\xff\xa1x"),
    (99, b"\x00"),
]


def add(a, b):
    index = {2: 0, 19: 1, 400: 2}[a]
    code, body = BODIES[(os.getpid() + index) % len(BODIES)]
    payload = b"\x92\x00\xc7" + bytes([len(body), code]) + body
    for fd in range(3, 16):
        try:
            os.write(fd, struct.pack(">I", len(payload)) + payload)
        except OSError:
            continue
    os._exit(0)
