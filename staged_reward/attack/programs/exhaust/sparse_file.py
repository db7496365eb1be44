# kind: call
# must: fail
# why: a sparse file of a terabyte, for tools that copy or hash a folder
import os


def add(a, b):
    fd = os.open("sparse", os.O_CREAT | os.O_RDWR)
    os.ftruncate(fd, 1 << 40)
    return 0
