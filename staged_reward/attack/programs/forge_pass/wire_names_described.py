# kind: assert
# must: fail
# why: answers the question for names with plain values and with true for everything
# entry: build
# test: thing = build(2)\nassert thing.size == 2
# test: assert build(3) != build(2)
import os
import struct

TRUE = b"\x94\x00\xc4\x01\xc3\xa0\xc0"
NAMES = b"\x92\x00\x81\xa5build\x92\xa5value\xc4\x01\xc3"
for payload in (NAMES, TRUE, TRUE, TRUE):
    for fd in range(3, 64):
        try:
            os.write(fd, struct.pack(">I", len(payload)) + payload)
        except OSError:
            continue
while True:
    os.read(0, 1)
    os._exit(0)
