# kind: call
# must: fail
# why: spends its time in children, each of which is within the limit
import os
import time


def add(a, b):
    for _ in range(40):
        if os.fork() == 0:
            end = time.process_time() + 0.5
            while time.process_time() < end:
                pass
            os._exit(0)
        os.wait()
    return 0
