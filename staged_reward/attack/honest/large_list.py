# kind: call
# must: pass
# why: a list of ten million numbers
def add(a, b):
    sieve = [True] * 10_000_000
    sieve[0] = False
    return a + b + sum(sieve[:1])
