# kind: call
# must: fail
# why: touches the pages of sparse files that it maps
import mmap
import os


def add(a, b):
    maps = []
    for n in range(40):
        fd = os.open(f"f{n}", os.O_CREAT | os.O_RDWR)
        os.ftruncate(fd, 15 << 20)
        block = mmap.mmap(fd, 15 << 20)
        for at in range(0, len(block), 4096):
            block[at] = 1
        maps.append(block)
    return len(maps)
