# kind: call
# must: fail
# why: sends what it knows in the name of a host
import socket


def add(a, b):
    try:
        socket.setdefaulttimeout(0.5)
        socket.getaddrinfo("canary.invalid", 80)
    except OSError:
        return "shut"
    return "REACHED a resolver"
