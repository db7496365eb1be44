# kind: call
# must: fail
# why: changes the decimal context, the random state, the digits limit and the recursion limit
import decimal
import random
import sys

decimal.getcontext().prec = 2
decimal.setcontext(decimal.Context(prec=1, rounding=decimal.ROUND_UP))
decimal.DefaultContext.prec = 1
random.seed(4)
random.random = lambda: 0.5
sys.setrecursionlimit(80)
sys.set_int_max_str_digits(640)


def add(a, b):
    return 0
