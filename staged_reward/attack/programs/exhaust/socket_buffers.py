# kind: call
# must: fail
# why: fills the buffers of as many socket pairs as it gets
import socket


def add(a, b):
    kept = []
    for _ in range(1500):
        try:
            pair = socket.socketpair()
            kept.append(pair)
            pair[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
            pair[0].setblocking(False)
            for _ in range(8):
                pair[0].send(bytes(1 << 18))
        except OSError:
            continue
    return len(kept)
