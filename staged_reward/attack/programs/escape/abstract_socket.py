# kind: call
# must: fail
# why: connects to an abstract Unix socket
import socket


def add(a, b):
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            connection.connect("\0@UNIX@")
    except OSError:
        return "shut"
    return "REACHED a socket"
