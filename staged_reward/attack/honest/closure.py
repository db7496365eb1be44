# kind: assert
# must: pass
# why: returns a closure that keeps state
# entry: counter
# test: count = counter(3)\nassert count() == 4\nassert count() == 5
# test: assert callable(counter(0))
def counter(start):
    def count():
        nonlocal start
        start += 1
        return start

    return count
