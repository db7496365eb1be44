# kind: stdio
# must: fail
# why: truncates, seals and extends the files that hold input and output
import fcntl
import os

for fd in (0, 1, 2):
    try:
        fcntl.fcntl(fd, 1033, 0x0001 | 0x0002 | 0x0004 | 0x0008)
    except OSError:
        pass
    try:
        os.ftruncate(fd, 1 << 40)
    except OSError:
        pass
print("x")
