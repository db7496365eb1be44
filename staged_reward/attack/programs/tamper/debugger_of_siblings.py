# kind: call
# must: fail
# why: looks for other programs of the verifier and reads their memory maps
import os


def add(a, b):
    reached = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if int(pid) == os.getpid():
            continue
        try:
            open(f"/proc/{pid}/maps").read(10)
            open(f"/proc/{pid}/environ", "rb").read(10)
            reached.append(pid)
        except OSError:
            continue
    return f"REACHED {len(reached)} processes" if reached else "shut"
