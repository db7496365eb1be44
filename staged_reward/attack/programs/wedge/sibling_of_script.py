# kind: stdio
# must: not_harm
# why: right, with a process that is a child of the process that forks one child per test
# harm: no_process_named comm=canarydmn
import ctypes
import os
import time

print(sum(map(int, input().split())), flush=True)
libc = ctypes.CDLL(None, use_errno=True)
for signal in (17, 0, 9):
    if libc.syscall(56, 0x8000 | signal, 0, 0, 0, 0) == 0:
        libc.prctl(15, b"canarydmn", 0, 0, 0)
        time.sleep(10)
        os._exit(0)
