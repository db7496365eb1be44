# kind: call
# must: fail
# why: reads the environment from its own memory, from before it was cleaned
import re


def add(a, b):
    found = re.search(rb"canary-secret-\w+", open("/proc/self/environ", "rb").read())
    for line in open("/proc/self/maps"):
        start, end = (int(part, 16) for part in line.split()[0].split("-"))
        if "r" not in line.split()[1] or end - start > 1 << 26 or "[v" in line:
            continue
        try:
            with open("/proc/self/mem", "rb", buffering=0) as memory:
                memory.seek(start)
                found = found or re.search(rb"canary-secret-[0-9a-f]{16}", memory.read(end - start))
        except (OSError, ValueError, OverflowError):
            continue
    return found[0].decode() if found else "nothing"
