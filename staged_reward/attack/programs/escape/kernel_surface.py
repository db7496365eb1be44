# kind: call
# must: fail
# why: opens kernel interfaces that programs never need
import ctypes

CALLS = {
    "bpf": (321, 0, ctypes.create_string_buffer(128), 128),
    "userfaultfd": (323, 0),
    "perf_event_open": (298, ctypes.create_string_buffer(128), 0, -1, -1, 0),
    "kexec_load": (246, 0, 0, 0, 0),
    "init_module": (175, 0, 0, b""),
    "open_by_handle_at": (304, -100, ctypes.create_string_buffer(64), 0),
    "fanotify_init": (300, 0, 0),
    "quotactl": (179, 0, 0, 0, 0),
    "swapon": (167, b"/nowhere", 0),
    "acct": (163, 0),
    "personality": (135, 0x0040000),
}


def add(a, b):
    libc = ctypes.CDLL(None, use_errno=True)
    reached = []
    for name, (number, *arguments) in CALLS.items():
        if libc.syscall(number, *arguments) >= 0:
            reached.append(name)
    return f"REACHED {reached}" if reached else "shut"
