# kind: stdio
# must: not_harm
# why: right, with children that use up both cores
# harm: no_process_named comm=canarydmn
import ctypes
import os

print(sum(map(int, input().split())), flush=True)
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        ctypes.CDLL(None).prctl(15, b"canarydmn", 0, 0, 0)
        while True:
            pass
