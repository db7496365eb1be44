# kind: call
# must: pass
# why: maps memory and a file
import mmap


def add(a, b):
    with mmap.mmap(-1, 1 << 20) as block:
        block[:2] = b"ok"
    with open("mapped", "wb+") as file:
        file.write(bytes(8192))
        file.flush()
        with mmap.mmap(file.fileno(), 0) as block:
            block[0] = 1
    return a + b
