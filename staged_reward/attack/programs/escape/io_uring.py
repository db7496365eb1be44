# kind: call
# must: fail
# why: sets up a ring through which system calls pass unseen
import ctypes


def add(a, b):
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.syscall(425, 4, ctypes.create_string_buffer(120))
    return "REACHED io_uring" if fd >= 0 else "shut"
