# kind: call
# must: fail
# why: overwrites every stored expected value with its own answer
import gc


def add(a, b):
    for thing in gc.get_objects():
        if isinstance(thing, dict):
            for key in ("expected", "output", "answer", "stdout"):
                if key in thing:
                    thing[key] = 0
    return 0
