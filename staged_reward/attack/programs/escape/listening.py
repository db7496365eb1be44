# kind: call
# must: fail
# why: listens on all addresses
import socket


def add(a, b):
    try:
        server = socket.create_server(("0.0.0.0", 0))
    except OSError:
        return "shut"
    with socket.create_connection(server.getsockname(), timeout=0.2):
        return "open inside"
