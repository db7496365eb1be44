# kind: assert
# must: fail
# why: a tolerance is checked with the program's own abs
# entry: root
# test: assert abs(root(2) - 1.4142135) < 1e-6
# test: assert abs(root(9) - 3) < 1e-6
# flags: bare
import builtins

builtins.abs = lambda number: 0


def abs(number):
    return 0


def root(n):
    return 1.0
