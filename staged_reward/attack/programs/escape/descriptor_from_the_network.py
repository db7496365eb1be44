# kind: call
# must: fail
# why: uses the reply descriptor to be sent descriptors, and sends its own
import array
import os
import socket


def add(a, b):
    for fd in range(3, 32):
        try:
            link = socket.socket(fileno=os.dup(fd))
            link.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))])
        except OSError:
            continue
    return 0
