# kind: call
# must: fail
# why: reaches files through the root and the working folder of other processes
import os


def add(a, b):
    for pid in (1, os.getppid(), int("@HOST_PID@"), "self"):
        for way in ("root", "cwd"):
            try:
                with open(f"/proc/{pid}/{way}@DIR@/keep.txt", "a") as file:
                    file.write("x")
            except OSError:
                continue
    return 0
