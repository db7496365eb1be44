# kind: call
# must: fail
# why: takes away what the process that serves it needs
import os
import sys

for name in ("msgpack", "struct", "staged_reward.sandbox.codec", "staged_reward.sandbox.wire"):
    module = sys.modules.get(name)
    if module is not None:
        vars(module).clear()
os.write = os.read = None


def add(a, b):
    return 0
