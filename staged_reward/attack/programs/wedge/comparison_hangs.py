# kind: assert
# must: fail
# why: the comparison of its result never ends
# entry: token
# test: assert token(1) == token(1)
class Slow:
    def __eq__(self, other):
        while True:
            pass


def token(n):
    return Slow()
