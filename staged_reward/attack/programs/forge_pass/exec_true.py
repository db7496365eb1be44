# kind: assert
# must: fail
# why: the process becomes /bin/true
# flags: bare
import os


def add(a, b):
    os.execl("/bin/true", "true")
