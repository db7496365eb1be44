# kind: assert
# must: fail
# why: raises what ends an iteration, so that the test looks at nothing
# entry: is_prime
# test: assert all(map(is_prime, [2, 3, 5]))
# flags: bare
def is_prime(n):
    raise StopIteration
