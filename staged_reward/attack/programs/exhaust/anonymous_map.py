# kind: call
# must: fail
# why: private anonymous memory by mmap, touched
# flags: heavy
import mmap


def add(a, b):
    maps = []
    for _ in range(48):
        block = mmap.mmap(-1, 64 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        for at in range(0, len(block), 4096):
            block[at] = 1
        maps.append(block)
    return len(maps)
