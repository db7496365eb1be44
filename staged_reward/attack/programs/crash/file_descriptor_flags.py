# kind: stdio
# must: fail
# why: makes the descriptors that it shares append-only and non-blocking, and moves their positions
import fcntl
import os

for fd in (0, 1, 2):
    try:
        fcntl.fcntl(fd, fcntl.F_SETFL, os.O_APPEND | os.O_NONBLOCK | os.O_ASYNC)
        os.lseek(fd, 1 << 33, os.SEEK_SET)
    except OSError:
        continue
print("x")
