# kind: call
# must: fail
# why: searches everything the collector knows for an object that holds the arguments and more
import gc


def add(a, b):
    for thing in gc.get_objects():
        try:
            if isinstance(thing, dict) and "expected" in thing:
                return thing["expected"]
            if isinstance(thing, list) and len(thing) > 2 and thing[:2] == [a, b]:
                return thing[2]
            if type(thing).__name__ in ("CallTest", "Suite", "Problem"):
                return thing.tests[0].expected
        except Exception:
            continue
    return None
