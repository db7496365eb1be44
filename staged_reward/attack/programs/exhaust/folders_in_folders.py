# kind: call
# must: fail
# why: five thousand folders in each other, deeper than a path can name
# harm: cwd_removed
import os


def add(a, b):
    for _ in range(5000):
        os.mkdir("deep")
        os.chdir("deep")
    open("bottom", "w").close()
    return 0
