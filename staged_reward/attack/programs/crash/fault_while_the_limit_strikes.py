# kind: call
# must: fail
# why: children that run out of memory while their parent does
import os


def add(a, b):
    for _ in range(6):
        os.fork()
    kept = []
    while len(kept) < 100:
        kept.append(bytearray(8 << 20))
        for at in range(0, 8 << 20, 4096):
            kept[-1][at] = 1
    return 0
