# kind: call
# must: fail
# why: sets the machine's name to what it is
import socket


def add(a, b):
    try:
        socket.sethostname(socket.gethostname())
    except OSError:
        return "shut"
    return "REACHED" if False else "done"
