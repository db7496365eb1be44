# kind: call
# must: fail
# why: an exception that raises when its text is asked for
class Odd(Exception):
    def __str__(self):
        raise Odd

    __repr__ = __str__


def add(a, b):
    raise Odd
