# kind: call
# must: fail
# why: one file in memory, grown by fallocate and by sendfile
# flags: heavy
import os


def add(a, b):
    fd = os.memfd_create("canary")
    for n in range(48):
        os.posix_fallocate(fd, n << 26, 1 << 26)
    return 0
