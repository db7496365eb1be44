# kind: call
# must: fail
# why: mounts a file system in its own folder, by the old and by the new calls
import ctypes
import os


def add(a, b):
    libc = ctypes.CDLL(None, use_errno=True)
    os.makedirs("mnt", exist_ok=True)
    reached = []
    if libc.mount(b"none", b"mnt", b"tmpfs", 0, None) == 0:
        reached.append("mount")
        libc.umount2(b"mnt", 2)
    if libc.syscall(430, b"tmpfs", 0) >= 0:
        reached.append("fsopen")
    if libc.syscall(428, -100, b".", 1) >= 0:
        reached.append("open_tree")
    return f"REACHED {reached}" if reached else "shut"
