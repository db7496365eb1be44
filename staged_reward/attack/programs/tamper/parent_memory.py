# kind: call
# must: fail
# why: opens the memory of its parent, by file, by ptrace and by process_vm_readv
import ctypes
import os


class Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]


def add(a, b):
    parent = os.getppid()
    if parent <= 1:
        return "nobody there"
    reached = []
    try:
        open(f"/proc/{parent}/mem", "rb").close()
        reached.append("mem")
    except OSError:
        pass
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(0x4206, parent, 0, 0) == 0:
        libc.ptrace(17, parent, 0, 0)
        reached.append("ptrace")
    buffer = ctypes.create_string_buffer(8)
    here, there = Vector(ctypes.addressof(buffer), 8), Vector(id(None), 8)
    if libc.process_vm_readv(parent, ctypes.byref(here), 1, ctypes.byref(there), 1, 0) > 0:
        reached.append("process_vm_readv")
    return "REACHED " + " ".join(reached) if reached else "shut"
