# kind: assert
# must: fail
# why: identifiers in full-width letters are normalised by Python, not by a filter of words
# flags: bare
import ｏｓ

ｏｓ._ｅｘｉｔ(0)


def add(a, b):
    return None
