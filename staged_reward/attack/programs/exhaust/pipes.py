# kind: call
# must: fail
# why: fills the buffers of as many pipes as it gets
import fcntl
import os


def add(a, b):
    kept = []
    for _ in range(1500):
        try:
            reader, writer = os.pipe()
            kept.append((reader, writer))
            fcntl.fcntl(writer, 1031, 1 << 20)
            os.set_blocking(writer, False)
            os.write(writer, bytes(1 << 20))
        except OSError:
            continue
    return len(kept)
