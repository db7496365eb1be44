# kind: call
# must: fail
# why: a small text that unpacks to gigabytes
import zlib


def add(a, b):
    block = zlib.compress(bytes(64 << 20))
    kept = [zlib.decompress(block) for _ in range(48)]
    return len(kept)
