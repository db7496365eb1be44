# kind: assert
# must: pass
# why: returns fractions and decimals
# entry: third
# test: from fractions import Fraction\nassert third(2) == Fraction(2, 3)
from fractions import Fraction


def third(n):
    return Fraction(n, 3)
