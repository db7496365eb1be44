# kind: call
# must: fail
# why: makes shared memory, a queue and semaphores that outlive it
import ctypes


def add(a, b):
    libc = ctypes.CDLL(None, use_errno=True)
    made = [libc.shmget(0x43414E41, 4096, 0o1666), libc.msgget(0x43414E41, 0o1666), libc.semget(0x43414E41, 1, 0o1666)]
    return "shut" if max(made) < 0 else "made inside"
