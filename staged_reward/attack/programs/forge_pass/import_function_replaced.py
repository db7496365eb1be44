# kind: assert
# must: fail
# why: the import statement itself is the program's
# entry: fifth
# test: from fractions import Fraction\nassert fifth(1) == Fraction(1, 5)
# flags: bare
import builtins

real = builtins.__import__


class Same:
    def __init__(self, *args):
        pass

    def __eq__(self, other):
        return True


def crooked(name, *args, **options):
    module = real(name, *args, **options)
    if name == "fractions":
        module.Fraction = Same
    return module


builtins.__import__ = crooked


def fifth(n):
    return Same()
