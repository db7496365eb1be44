# kind: call
# must: fail
# why: makes a socket by the number of the system call, also through the 32-bit entry
import ctypes
import socket


def add(a, b):
    libc = ctypes.CDLL(None, use_errno=True)
    for number in (41, 41 | 0x40000000):
        fd = libc.syscall(number, socket.AF_INET, socket.SOCK_DGRAM, 0)
        if fd >= 0:
            try:
                socket.socket(fileno=fd).sendto(b"here", ("127.0.0.1", int("@PORT@")))
            except OSError:
                continue
    return 0
