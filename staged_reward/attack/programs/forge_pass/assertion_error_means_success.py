# kind: assert
# must: fail
# why: the exception that a failed assert raises is replaced by a clean exit
# flags: bare
import sys


class Quiet(SystemExit):
    def __init__(self, *args):
        super().__init__(0)


sys.modules["builtins"].AssertionError = Quiet
AssertionError = Quiet
sys.excepthook = lambda *error: sys.modules["os"]._exit(0)


def add(a, b):
    return None
