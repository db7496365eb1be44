# kind: call
# must: fail
# why: fills memory that only the end of its folder gives back, and then needs more
import os


def add(a, b):
    try:
        for n in range(64):
            with open(f"/dev/shm/canary_{n}", "wb") as file:
                file.write(bytes(15 << 20))
    except OSError:
        pass
    kept = []
    while len(kept) < 80:
        kept.append(bytearray(16 << 20))
        for at in range(0, 16 << 20, 4096):
            kept[-1][at] = 1
    return 0
