# kind: call
# must: fail
# why: overwrites a file outside its folder
import os


def add(a, b):
    for path in ("@DIR@/keep.txt", "@DIR@/sub/f"):
        try:
            with open(path, "w") as file:
                file.write("overwritten")
        except OSError:
            pass
    return 0
