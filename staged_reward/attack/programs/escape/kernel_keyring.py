# kind: call
# must: fail
# why: leaves a key in a kernel keyring, which the next program could read
# harm: no_key name=canary_note
import ctypes


def add(a, b):
    libc = ctypes.CDLL(None, use_errno=True)
    reached = [ring for ring in (-1, -2, -3, -4, -5) if libc.syscall(248, b"user", b"canary_note", b"x", 1, ring) > 0]
    return f"REACHED keyrings {reached}" if reached else "shut"
