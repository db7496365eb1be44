# kind: call
# must: fail
# why: exceptions with no class, with a class of another kind, with a name of a megabyte
import os
import struct


def add(a, b):
    for payload in (
        b"\x93\x01\x90\xa0",
        b"\x93\x01\x91\x05\xa0",
        b"\x93\x01\xa1x\xa0",
        b"\x93\x01\x91\xc6" + struct.pack(">I", 1 << 20) + b"x" * (1 << 20) + b"\xa0",
        b"\x93\x03\x91\xaaInfraError\xa0",
    ):
        for fd in range(3, 16):
            try:
                os.write(fd, struct.pack(">I", len(payload)) + payload)
            except OSError:
                continue
    os._exit(0)
