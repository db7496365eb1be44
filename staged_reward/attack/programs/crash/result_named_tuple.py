# kind: call
# must: fail
# why: a tuple that claims fields with impossible names
class Odd(tuple):
    _fields = ("__class__", "__init__", "1", "", "def") * 60


def add(a, b):
    return Odd(range(300))
