# kind: call
# must: fail
# why: returns decimals of exponents that nothing can hold
import decimal


def add(a, b):
    return decimal.Decimal("1E999999999999999999")
