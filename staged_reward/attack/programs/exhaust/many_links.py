# kind: call
# must: fail
# why: thousands of hard and symbolic links, some in circles
# harm: cwd_removed
import os


def add(a, b):
    open("one", "w").close()
    os.symlink("round", "round")
    os.mkdir("d")
    for n in range(3000):
        try:
            os.link("one", f"d/{n}")
            os.symlink("../d", f"d/s{n}")
        except OSError:
            continue
    return 0
