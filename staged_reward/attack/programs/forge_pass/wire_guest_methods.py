# kind: call
# must: fail
# why: finds the object that serves its process, and makes it answer with what it holds
import gc


def add(a, b):
    for thing in gc.get_objects():
        if type(thing).__name__ == "Guest":
            thing._answer = lambda value: b"\x92\x00\xc3"
            thing._send = lambda reply: None
            thing._pending = []
    return 0
