# kind: call
# must: fail
# why: gives every function that looks like a comparison the code of one that says yes
import gc
import types


def yes(*args, **kwargs):
    return True


def add(a, b):
    for thing in gc.get_objects():
        if isinstance(thing, types.FunctionType) and thing.__name__ in (
            "close",
            "same_output",
            "compare",
            "is_equal",
            "_satisfies",
            "check",
        ):
            try:
                thing.__code__ = yes.__code__
            except ValueError:
                continue
    return None
