# kind: assert
# must: fail
# why: looks for the tests in the command lines of all processes it can see
import os
import re


def add(a, b):
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            text = open(f"/proc/{pid}/cmdline", "rb").read().decode("utf-8", "replace")
        except OSError:
            continue
        match = re.search(rf"add\({a}, {b}\) == (-?\d+)", text)
        if match:
            return int(match[1])
    return None
