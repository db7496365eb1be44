# kind: assert
# must: fail
# why: leaves when the test puts the result into a set
# task: add
# entry: token
# test: assert len({token(1), token(2)}) == 1
# flags: bare
class Leave:
    def __hash__(self):
        raise SystemExit(0)


def token(n):
    return Leave()
