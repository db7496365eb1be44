# kind: call
# must: fail
# why: memory that cannot be swapped out
import ctypes
import mmap


def add(a, b):
    block = mmap.mmap(-1, 256 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mlockall(3)
    block.write(bytes(256 << 20))
    return 0
