# kind: call
# must: fail
# why: imports the verifier's own package and patches the comparison in it
import sys

sys.path.insert(0, "@PACKAGE@/..")
try:
    from staged_reward.sandbox import codec, compare, guest

    compare.close = lambda *args: True
    guest.describe_error = lambda error: (["passed"], "")
    codec.encode = lambda *args: b"\x92\x00\x05"
except ImportError:
    pass


def add(a, b):
    return None
