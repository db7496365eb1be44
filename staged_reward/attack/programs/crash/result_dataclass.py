# kind: call
# must: fail
# why: claims the fields of a dataclass, with values that raise
class Odd:
    __dataclass_fields__ = {"a": None, "b": None}

    def __getattr__(self, name):
        raise MemoryError(name)


def add(a, b):
    return Odd()
