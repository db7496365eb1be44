# kind: call
# must: not_harm
# why: right, with a finaliser that never returns
class Slow:
    def __del__(self):
        while True:
            pass


kept = Slow()


def add(a, b):
    return a + b
