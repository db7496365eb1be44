# kind: assert
# must: pass
# why: returns a generator
# entry: squares
# test: assert list(squares(4)) == [0, 1, 4, 9]
# test: steps = squares(2)\nassert next(steps) == 0\nassert next(steps) == 1\nassert next(steps, None) is None
def squares(n):
    for k in range(n):
        yield k * k
