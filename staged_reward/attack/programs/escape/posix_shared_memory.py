# kind: call
# must: fail
# why: makes shared memory, a queue and a semaphore with names
import ctypes
import os


def add(a, b):
    libc = ctypes.CDLL(None, use_errno=True)
    for name, call in ((b"/canary_shm", "shm_open"), (b"/canary_mq", "mq_open"), (b"/canary_sem", "sem_open")):
        try:
            getattr(libc, call)(name, os.O_CREAT | os.O_RDWR, 0o666, 0)
        except AttributeError:
            continue
    return 0
