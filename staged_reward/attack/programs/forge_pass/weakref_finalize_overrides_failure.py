# kind: assert
# must: fail
# why: weakref.finalize runs at exit, and forces status 0
# flags: bare
import os
import weakref


class Thing:
    pass


thing = Thing()
weakref.finalize(thing, os._exit, 0)


def add(a, b):
    return None
