# kind: call
# must: fail
# why: reads the requests that are still in the socket, for expected values among them
import os


def add(a, b):
    text = b""
    for fd in range(3, 64):
        try:
            os.set_blocking(fd, False)
            text += os.read(fd, 1 << 16)
        except OSError:
            continue
    at = text.find(bytes([a, b]))
    return text[at + 2] if at >= 0 and at + 2 < len(text) else 0
