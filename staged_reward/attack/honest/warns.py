# kind: call
# must: pass
# why: warns and logs
import logging
import sys
import warnings


def add(a, b):
    warnings.warn("old", DeprecationWarning)
    logging.getLogger("x").warning("careful")
    print("to nobody")
    print("to nobody", file=sys.stderr)
    return a + b
