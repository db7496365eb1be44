# kind: assert
# must: fail
# why: a set that takes for ever to build again, since all its members have one hash
# entry: members
# test: assert len(members(3)) == 3
def members(n):
    step = (1 << 61) - 1
    return [k * step for k in range(1, 40_000)] if n < 0 else {float("inf"), *(k * step for k in range(1, 20_000))}
