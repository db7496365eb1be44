# kind: call
# must: fail
# why: sends the null signal to the process that holds the verifier, and to process 1
import os


def add(a, b):
    reached = []
    for pid in (int("@HOST_PID@"),):
        try:
            name = open(f"/proc/{pid}/cmdline", "rb").read()
            os.kill(pid, 0)
            reached.append(pid)
        except OSError:
            continue
    return f"REACHED process {reached}" if reached else "shut"
