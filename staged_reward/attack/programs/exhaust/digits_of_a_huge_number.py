# kind: call
# must: fail
# why: turns a huge number into digits
import sys


def add(a, b):
    sys.set_int_max_str_digits(0)
    return len(str(1 << 40_000_000))
