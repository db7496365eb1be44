# kind: call
# must: fail
# why: reads the environments of all processes that it sees
import os
import re


def add(a, b):
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            match = re.search(rb"canary-secret-\w+", open(f"/proc/{pid}/environ", "rb").read())
        except OSError:
            continue
        if match:
            return match[0].decode()
    return "nothing"
