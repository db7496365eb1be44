# kind: call
# must: fail
# why: a subclass whose conversions answer differently every time
import itertools

counter = itertools.count()


class Odd(int):
    def __int__(self):
        return next(counter)

    def __index__(self):
        return next(counter)

    def to_bytes(self, *args, **options):
        raise SystemExit(0)

    def bit_length(self):
        return 1 << 40


def add(a, b):
    return Odd(1 << 70)
