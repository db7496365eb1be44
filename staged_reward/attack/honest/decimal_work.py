# kind: call
# must: pass
# why: computes in decimals of high precision
from decimal import Decimal, localcontext


def add(a, b):
    with localcontext() as context:
        context.prec = 200
        return int(sum([Decimal(a), Decimal(b)]) + Decimal(2).sqrt() - Decimal(2).sqrt())
