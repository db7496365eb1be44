# kind: stdio
# must: not_harm
# why: right, with a daemon that goes on and holds the output open
# harm: no_process_named comm=canarydmn
import ctypes
import os
import time

print(sum(map(int, input().split())), flush=True)
if os.fork() == 0:
    os.setsid()
    ctypes.CDLL(None).prctl(15, b"canarydmn", 0, 0, 0)
    time.sleep(10)
    os._exit(0)
