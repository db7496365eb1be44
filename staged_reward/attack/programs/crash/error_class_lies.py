# kind: call
# must: fail
# why: an exception whose class and name are lies
class Meta(type):
    @property
    def __name__(cls):
        raise KeyboardInterrupt

    @property
    def __mro__(cls):
        return None


class Odd(Exception, metaclass=Meta):
    @property
    def __class__(self):
        raise SystemExit(0)


def add(a, b):
    raise Odd
