# kind: call
# must: fail
# why: shared anonymous memory, which limits of private memory do not count
# flags: heavy
import mmap


def add(a, b):
    maps = []
    for _ in range(48):
        block = mmap.mmap(-1, 64 << 20)
        block.write(bytes(64 << 20))
        maps.append(block)
    return len(maps)
