# kind: call
# must: fail
# why: changes its root and climbs out of it
import os


def add(a, b):
    try:
        os.makedirs("jail", exist_ok=True)
        here = os.open(".", os.O_RDONLY)
        os.chroot("jail")
        os.fchdir(here)
        for _ in range(64):
            os.chdir("..")
        os.chroot(".")
        open("@DIR@/climbed", "w").close()
    except OSError:
        return "shut"
    return "REACHED the root"
