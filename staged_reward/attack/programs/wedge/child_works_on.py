# kind: assert
# must: fail
# why: ends at once and leaves the work to a child in a session of its own
# harm: no_process_named comm=canarydmn
import ctypes
import os
import time

if os.fork():
    os._exit(0)
os.setsid()
ctypes.CDLL(None).prctl(15, b"canarydmn", 0, 0, 0)
time.sleep(10)
