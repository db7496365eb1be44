# kind: call
# must: fail
# why: children that end and are never waited for
import os


def add(a, b):
    for _ in range(60):
        try:
            if os.fork() == 0:
                os._exit(0)
        except OSError:
            break
    return 0
