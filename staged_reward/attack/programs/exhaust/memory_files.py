# kind: call
# must: fail
# why: files in memory that are never mapped
# flags: heavy
import os


def add(a, b):
    kept = []
    block = bytes(8 << 20)
    for _ in range(384):
        fd = os.memfd_create("canary")
        kept.append(fd)
        os.write(fd, block)
    return len(kept)
