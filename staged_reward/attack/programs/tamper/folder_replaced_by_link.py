# kind: assert
# must: fail
# why: puts a link to an outside folder in the place of its own folder, for whoever cleans up
import os


def add(a, b):
    here = os.getcwd()
    try:
        os.chdir("..")
        os.rename(here, here + ".old")
        os.symlink("@DIR@", here)
    except OSError:
        pass
    try:
        os.rmdir(here)
        os.symlink("@DIR@", here)
    except OSError:
        pass
    return 0
