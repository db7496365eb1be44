# kind: call
# must: fail
# why: a regular expression that backtracks for ever
import re


def add(a, b):
    return re.match(r"(a+)+$", "a" * 60 + "b")
