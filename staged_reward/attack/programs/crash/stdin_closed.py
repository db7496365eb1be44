# kind: stdio
# must: fail
# why: closes its input and its output and waits
import os
import time

for fd in range(0, 64):
    try:
        os.close(fd)
    except OSError:
        continue
time.sleep(30)
