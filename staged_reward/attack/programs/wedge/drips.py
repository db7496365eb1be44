# kind: stdio
# must: fail
# why: prints a little from time to time, so that it never seems idle
import time

while True:
    print(".", flush=True)
    time.sleep(0.05)
