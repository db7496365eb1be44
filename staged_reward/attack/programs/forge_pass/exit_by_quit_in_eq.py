# kind: assert
# must: fail
# why: leaves when the test compares the result
# flags: bare
class Leave:
    def __eq__(self, other):
        raise SystemExit(0)


def add(a, b):
    return Leave()
