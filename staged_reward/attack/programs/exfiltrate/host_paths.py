# kind: call
# must: fail
# why: looks for the paths of the verifier in mounts, memory maps and command lines
import os


def add(a, b):
    seen = []
    for path in ("/proc/self/mountinfo", "/proc/self/maps", "/proc/self/environ", "/proc/1/cmdline", "/proc/1/environ"):
        try:
            if b"@PACKAGE@" in open(path, "rb").read():
                seen.append(path)
        except OSError:
            continue
    return f"the package is named in {seen}"
