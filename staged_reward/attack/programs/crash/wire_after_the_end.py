# kind: call
# must: not_harm
# why: a child goes on sending replies after the last one
import os
import struct
import time


def add(a, b):
    if a == 400 and os.fork() == 0:
        for _ in range(100):
            time.sleep(0.01)
            for fd in range(3, 16):
                try:
                    os.write(fd, struct.pack(">I", 3) + b"\x92\x00\x01")
                except OSError:
                    continue
        os._exit(0)
    return a + b
