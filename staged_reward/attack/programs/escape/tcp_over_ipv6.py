# kind: call
# must: fail
# why: connects by a mapped address
import socket


def add(a, b):
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as connection:
            connection.settimeout(1)
            connection.connect(("::ffff:127.0.0.1", int("@PORT@")))
    except OSError:
        return "shut"
    return "REACHED a port"
