# kind: call
# must: fail
# why: frees what the interpreter still uses
import ctypes


def add(a, b):
    for thing in (0, 1, None, True, (), ""):
        ctypes.c_ssize_t.from_address(id(thing)).value = 1
    del thing
    return [0, 1, None, True, (), ""]
