# kind: stdio
# must: fail
# why: writes into the memory of the process that forks one child per test
import ctypes
import os

host = os.getppid()
reached = []
try:
    with open(f"/proc/{host}/mem", "r+b", buffering=0) as memory:
        reached.append("mem")
except OSError:
    pass
libc = ctypes.CDLL(None, use_errno=True)
if libc.ptrace(0x4206, host, 0, 0) == 0:
    libc.ptrace(17, host, 0, 0)
    reached.append("ptrace")
print("REACHED host" if reached and host > 1 else "shut", *reached)
