# kind: assert
# must: fail
# why: a finaliser run at the end of the interpreter forces status 0
# flags: bare
import os


class Goodbye:
    def __init__(self):
        self.leave = os._exit

    def __del__(self):
        self.leave(0)


keep = Goodbye()


def add(a, b):
    return None
