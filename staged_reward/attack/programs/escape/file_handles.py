# kind: call
# must: fail
# why: leaves through a descriptor of a folder that somebody forgot to close
import os


def add(a, b):
    for fd in range(3, 64):
        for path in ("..", "../..", "@DIR@/../canary/keep.txt"):
            try:
                inner = os.open(path, os.O_RDONLY, dir_fd=fd)
            except OSError:
                continue
            return f"REACHED {os.readlink(f'/proc/self/fd/{inner}')}"
    return 0
