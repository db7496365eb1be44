# kind: call
# must: fail
# why: sends a datagram to a port of this machine
import socket


def add(a, b):
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"here", ("127.0.0.1", int("@PORT@")))
    except OSError:
        pass
    return 0
