# kind: call
# must: fail
# why: empties every list that may hold tests: all of none is true
import gc


def add(a, b):
    for thing in gc.get_objects():
        if isinstance(thing, list) and thing and type(thing[0]).__name__ in ("tuple", "list", "CallTest", "AssertTest"):
            if any(str(a) in repr(item)[:300] for item in thing[:5]):
                thing.clear()
    return None
