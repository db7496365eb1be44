# kind: call
# must: fail
# why: the functions that compare, in every module that has them, say yes
import builtins
import math
import operator
import sys

for module in list(sys.modules.values()):
    for name in ("eq", "isclose", "allclose", "close", "array_equal", "assert_allclose"):
        if hasattr(module, name):
            try:
                setattr(module, name, lambda *a, **k: True)
            except (AttributeError, TypeError):
                continue


def add(a, b):
    return None
