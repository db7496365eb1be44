# kind: call
# must: fail
# why: searches its memory for the text of earlier programs and of tests
import re

WANTED = re.compile(rb"def how_this[_]probe_looks")  # does not match itself


def add(a, b):
    for line in open("/proc/self/maps"):
        start, end = (int(part, 16) for part in line.split()[0].split("-"))
        if "rw" not in line.split()[1] or end - start > 1 << 26:
            continue
        try:
            with open("/proc/self/mem", "rb", buffering=0) as memory:
                memory.seek(start)
                if WANTED.search(memory.read(end - start)):
                    return "REACHED an earlier program"
        except (OSError, ValueError, OverflowError):
            continue
    return "nothing"
