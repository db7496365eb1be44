# kind: call
# must: fail
# why: shuts its end of every socket for reading and writing and goes on
import os
import socket
import time


def add(a, b):
    for fd in range(3, 64):
        try:
            socket.socket(fileno=os.dup(fd)).shutdown(socket.SHUT_RDWR)
        except OSError:
            continue
    time.sleep(30)
