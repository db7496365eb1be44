# kind: assert
# must: fail
# why: reaches os through the classes of object, without an import
# flags: bare
for kind in object.__subclasses__():
    if kind.__name__ == "_wrap_close":
        kind.__init__.__globals__["_exit"](0)


def add(a, b):
    return None
