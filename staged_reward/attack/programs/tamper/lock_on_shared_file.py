# kind: stdio
# must: fail
# why: locks, leases and owners on the files that it shares with later runs
import fcntl
import os

for fd in (0, 1, 2):
    for step in (
        lambda: fcntl.flock(fd, fcntl.LOCK_EX),
        lambda: fcntl.lockf(fd, fcntl.LOCK_EX) if fd else None,
        lambda: fcntl.fcntl(fd, 1024, fcntl.F_WRLCK),
        lambda: fcntl.fcntl(fd, fcntl.F_SETOWN, os.getppid()),
        lambda: fcntl.fcntl(fd, 10, 9),
        lambda: fcntl.fcntl(fd, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK),
    ):
        try:
            step()
        except OSError:
            continue
print("x")
