# kind: call
# must: fail
# why: kernel timers, watches and event descriptors until there are no more
import ctypes
import os


def add(a, b):
    libc = ctypes.CDLL(None, use_errno=True)
    kept = []
    for _ in range(20_000):
        timer = ctypes.c_void_p()
        if libc.timer_create(1, None, ctypes.byref(timer)) != 0:
            break
    for _ in range(600):
        for number, arguments in ((253, ()), (290, (0, 0)), (283, (1, 0)), (291, (0,))):
            kept.append(libc.syscall(number, *arguments))
    return len(kept)
