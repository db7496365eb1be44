# kind: call
# must: fail
# why: leaves named pipes and sockets where somebody may read files
import os
import socket


def add(a, b):
    for name in ("stdout", "result.json", "solution.py", "x"):
        try:
            os.mkfifo(name)
        except OSError:
            continue
    try:
        socket.socket(socket.AF_UNIX).bind("sock")
    except OSError:
        pass
    return 0
