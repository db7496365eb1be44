# kind: call
# must: fail
# why: has the kernel send deadly signals to others when its sockets are read
import fcntl
import os


def add(a, b):
    for fd in range(3, 32):
        for owner in (os.getppid(), 1, int("@HOST_PID@")):
            try:
                fcntl.fcntl(fd, fcntl.F_SETOWN, owner)
                fcntl.fcntl(fd, 10, 9)
                fcntl.fcntl(fd, fcntl.F_SETFL, os.O_ASYNC)
            except OSError:
                continue
    return 0
