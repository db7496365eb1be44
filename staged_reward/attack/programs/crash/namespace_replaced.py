# kind: call
# must: fail
# why: its namespace is gone when the tests come
import sys

sys.modules[__name__] = None
globals().clear()
