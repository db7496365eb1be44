# kind: call
# must: fail
# why: opens descriptors until there are no more
import os


def add(a, b):
    kept = []
    try:
        for _ in range(200_000):
            kept.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        pass
    return len(kept)
