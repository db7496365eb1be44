# kind: call
# must: fail
# why: returns an object that raises whatever is asked of it
class Thorn:
    def __getattribute__(self, name):
        raise SystemExit(0)

    def __repr__(self):
        raise KeyboardInterrupt

    __str__ = __hash__ = __len__ = __bool__ = __repr__


def add(a, b):
    return Thorn()
