# kind: call
# must: fail
# why: a file beyond the size it is allowed, written and sparse
import os
import signal


def add(a, b):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with open("large", "wb") as file:
        for _ in range(64):
            file.write(bytes(8 << 20))
    os.truncate("large", 1 << 40)
    return 0
