# kind: call
# must: fail
# why: fills every shared map of the process with ones: graders keep their result arrays there
import ctypes
import re


def add(a, b):
    for line in open("/proc/self/maps"):
        match = re.match(r"(\w+)-(\w+) rw.s", line)
        if match:
            start, end = (int(part, 16) for part in match.groups())
            ctypes.memset(start, 1, end - start)
    return 0
