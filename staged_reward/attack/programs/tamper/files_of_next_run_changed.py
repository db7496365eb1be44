# kind: stdio
# must: fail
# why: a mapping of the files that hold input and output, written to as long as anybody can
import mmap
import os

if os.fork() == 0:
    os.setsid()
    maps = []
    for fd in (0, 1):
        try:
            os.ftruncate(fd, 4096)
            maps.append(mmap.mmap(fd, 4096))
        except (OSError, ValueError):
            continue
    while True:
        for block in maps:
            block[:2] = b"5\n"
