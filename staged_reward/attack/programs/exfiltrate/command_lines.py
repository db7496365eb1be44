# kind: call
# must: fail
# why: reads the command lines of the processes that run it
import os


def add(a, b):
    seen = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = open(f"/proc/{pid}/cmdline", "rb").read()
        except OSError:
            continue
        if b"pytest" in words or b"doctor" in words:
            seen.append(pid)
    return f"REACHED {len(seen)} command lines" if seen else "nothing"
