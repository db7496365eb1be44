# kind: stdio
# must: fail
# why: a child that outlives its turn writes forged results of scripts to every descriptor and to its parent's
import os
import struct

payload = b"\x96\x00\x00\x00\xcb" + struct.pack(">d", 0.0) + b"\xc4\x02" + b"5\n" + b"\xc4\x00"
for fd in [*range(3, 64)]:
    try:
        os.write(fd, struct.pack(">I", len(payload)) + payload)
    except OSError:
        pass
try:
    for name in os.listdir(f"/proc/{os.getppid()}/fd"):
        with open(f"/proc/{os.getppid()}/fd/{name}", "wb", buffering=0) as file:
            file.write(struct.pack(">I", len(payload)) + payload)
except OSError:
    pass
os._exit(0)
