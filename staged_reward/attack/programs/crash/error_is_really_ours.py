# kind: call
# must: fail
# why: raises the very exceptions of the process that serves it
import sys


def add(a, b):
    for name in ("staged_reward.sandbox.guest", "staged_reward.errors"):
        for kind in vars(sys.modules.get(name, sys)).values():
            if isinstance(kind, type) and issubclass(kind, Exception) and "Error" in kind.__name__:
                raise kind("the fork server is gone")
    return 0
