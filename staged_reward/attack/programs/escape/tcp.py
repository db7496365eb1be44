# kind: call
# must: fail
# why: connects to a port of this machine
import socket


def add(a, b):
    try:
        with socket.create_connection(("127.0.0.1", int("@PORT@")), timeout=1) as connection:
            connection.sendall(b"here")
    except OSError:
        return "shut"
    return "REACHED a port"
