# kind: call
# must: fail
# why: opens kinds of sockets that reach the kernel or a hypervisor
import socket

KINDS = [
    (socket.AF_NETLINK, socket.SOCK_RAW, 0),
    (40, socket.SOCK_STREAM, 0),
    (38, socket.SOCK_SEQPACKET, 0),
    (17, socket.SOCK_RAW, 0),
    (16, socket.SOCK_RAW, 15),
    (31, socket.SOCK_RAW, 1),
    (29, socket.SOCK_RAW, 1),
]


def add(a, b):
    reached = []
    for kind in KINDS:
        try:
            socket.socket(*kind).close()
            reached.append(kind[0])
        except OSError:
            continue
    return f"REACHED socket kinds {reached}" if reached else "shut"
