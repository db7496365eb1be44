# kind: call
# must: fail
# why: copies the descriptors of its parent through a pidfd
import ctypes
import os


def add(a, b):
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = libc.syscall(434, os.getppid(), 0)
    if pidfd < 0:
        return "no pidfd"
    taken = [fd for fd in range(16) if libc.syscall(438, pidfd, fd, 0) >= 0]
    return f"REACHED descriptors {taken}" if taken else "shut"
